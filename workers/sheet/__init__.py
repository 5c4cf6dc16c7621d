"""Sheet metal: recognising that a part is sheet, its bends and flanges, and its flat pattern."""
