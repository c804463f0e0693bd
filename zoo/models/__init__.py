"""The models of the zoo: one recipe a file, and the folder is the list."""
