"""What a trained network shows: filters, confusion, gradients."""
