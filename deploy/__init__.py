"""Ways to run the product: the demonstration day and settings for real machines."""
