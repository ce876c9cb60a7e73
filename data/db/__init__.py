"""The database: tables, sessions and repositories. The only place that imports SQLAlchemy."""
