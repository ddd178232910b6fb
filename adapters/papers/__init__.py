"""Sets official documents: PDF/A by typst, DOCX by python-docx, fonts from a package."""
