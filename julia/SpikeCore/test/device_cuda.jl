check_device("cuda")
