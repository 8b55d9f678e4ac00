"""What is used to make and to check the product, and is no part of it."""
