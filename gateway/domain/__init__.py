"""The words of the house: values and names that every room shares; imports nothing of ours."""
