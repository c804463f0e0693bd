"""What Griffe is told: a section `Example:` is one of code, as `Examples:` is."""

import griffe


class Examples(griffe.Extension):
    """Renames the section, as it is read, in every docstring."""

    def on_object(self, *, obj: griffe.Object, **kwargs: object) -> None:
        """Griffe calls this for each module, class and function."""
        del kwargs
        if obj.docstring is not None:
            text = obj.docstring.value
            obj.docstring.value = text.replace("\nExample:\n", "\nExamples:\n")
