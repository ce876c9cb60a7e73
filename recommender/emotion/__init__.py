"""Does a listener's emotion help to rank songs? Models and studies on public data."""
