"""What mail servers and mail providers say; nothing here knows of the rest of Devis."""
