"""The vocabulary that every room above shares: shapes and fans, dtypes, parameters, names, errors."""
