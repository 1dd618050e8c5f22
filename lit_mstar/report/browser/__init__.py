"""What a page shows of single problems: which ones, what is worth a look, their responses and pictures.

To be read in this order: `sample` (which), `flags` (what is worth a look), `rows` (what the page's script gets),
`thumbnails`.
"""
