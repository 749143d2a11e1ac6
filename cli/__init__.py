"""The command line of synthtab: parse, call the library, print."""
