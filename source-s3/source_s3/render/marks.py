"""What a column's metadata says of it, for the rendering: set by readers and by what shapes the rows."""

# Of a column that holds JSON texts: one whole object a row, which a line end may follow, or one value.
RAW_OBJECT, RAW_VALUE = {b"raw": b"object"}, {b"raw": b"value"}
# Of a last column that is no field: entries for `meta.changes` as JSON texts, a comma before each.
CHANGES = {b"raw": b"changes"}
