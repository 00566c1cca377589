"""The QGIS style inside changes.gpkg: a colour for each transition, and the field of time."""

from xml.sax.saxutils import quoteattr

import numpy as np

from mapping.products import from_to
from utils.qgis import symbol

POLYGON = {
    "outline_color": "35,35,35,255",
    "outline_style": "solid",
    "outline_width": "0.1",
    "outline_width_unit": "MM",
    "style": "solid",
}


def qgis_style(events, products):
    """QGIS style: a colour for each transition; the temporal controller plays the field date."""
    names = products["labels"].names
    colours = products["from_to"].colours
    kinds = np.unique(np.stack([events.from_class, events.to_class], axis=1), axis=0)
    categories, symbols = [], []
    for i, (before, after) in enumerate(kinds.tolist()):
        text = quoteattr(f"{names[before]} \N{RIGHTWARDS ARROW} {names[after]}")
        categories.append(
            f'<category symbol="{i}" value={text} label={text} type="string" render="true"/>'
        )
        colour = colours[from_to(before, after)]
        symbols.append(symbol(i, "fill", "SimpleFill", colour, POLYGON))
    return (
        '<!DOCTYPE qgis><qgis version="3.22" styleCategories="Symbology|Temporal">'
        '<temporal enabled="1" mode="1" startField="date" endField="" durationField="" '
        'durationUnit="min" fixedDuration="0" accumulate="1" limitMode="0" startExpression="" '
        'endExpression=""><fixedRange><start></start><end></end></fixedRange></temporal>'
        '<renderer-v2 type="categorizedSymbol" attr="change" enableorderby="0" forceraster="0" '
        f'symbollevels="0"><categories>{"".join(categories)}</categories>'
        f"<symbols>{''.join(symbols)}</symbols></renderer-v2></qgis>"
    )
