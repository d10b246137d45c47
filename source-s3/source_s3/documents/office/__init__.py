"""Documents of word processors, spreadsheets and presentations."""
