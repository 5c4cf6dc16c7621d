"""A review as HTML and PDF with pictures, as CSV and as SARIF.

`csv_file` and `sarif` need nothing but the review, so the API may import them; the rest runs in the sandbox.
"""

REPORT_VERSION = 4
"""Of what reports say and how they look: raised with any change of it, and kept ones are drawn again."""
