"""Lyrics to embeddings to mood: cleaning, encoder, vector store, reduction, mood head."""
