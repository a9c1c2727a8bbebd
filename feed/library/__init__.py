"""Writing principles: editing, workflow, import and export, style checks."""
