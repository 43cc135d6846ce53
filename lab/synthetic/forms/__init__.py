"""Writers of the native forms, one module per form."""
