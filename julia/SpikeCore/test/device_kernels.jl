check_device("kernels")
