"""Fitting of models to spike data."""
