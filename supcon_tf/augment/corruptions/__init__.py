"""The 15 corruptions of ImageNet-C and CIFAR-10-C (Hendrycks and Dietterich, ICLR 2019): NumPy, uint8 to uint8."""
