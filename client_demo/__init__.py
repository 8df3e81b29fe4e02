"""A chat that shows the server at work: browser page, terminal client and the application behind them."""
