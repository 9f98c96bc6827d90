"""Which schemes could have made the tensors of a file: what each allows by itself, and what they say together."""
