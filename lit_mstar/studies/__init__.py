"""`lit-mstar study`: a base recipe, named variants of it, several seeds; a table with intervals comes out."""
