"""What a probe found, for people and programs: text, JSON, pictures, a page."""
