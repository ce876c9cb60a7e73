"""Alembic migrations; they travel in the wheel and run without ``alembic.ini``."""
