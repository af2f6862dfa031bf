"""What can be promised: changes of features that cannot bring an item into anybody's list."""
