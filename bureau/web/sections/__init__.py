"""The desk's pages by what they are about; each module gives its routes."""
