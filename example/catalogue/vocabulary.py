"""The words that the seeded shop is made of."""

from __future__ import annotations

from typing import Final

# Each row: slug, English, German. A leaf also has the noun of one piece in both languages, and a price in cents.
Leaf = tuple[str, str, str, str, str, int]
Group = tuple[str, str, str, tuple[Leaf, Leaf]]
Department = tuple[str, str, str, tuple[Group, ...]]

TREE: Final[tuple[Department, ...]] = (
    ("bedroom", "Bedroom", "Schlafzimmer", (
        ("bed-linen", "Bed linen", "Bettwäsche", (
            ("duvet-covers", "Duvet covers", "Bettbezüge", "duvet cover", "Bettbezug", 8_900),
            ("sheets", "Sheets", "Laken", "sheet", "Laken", 5_900))),
        ("pillows", "Pillows", "Kissen", (
            ("pillowcases", "Pillowcases", "Kissenbezüge", "pillowcase", "Kissenbezug", 2_400),
            ("bolsters", "Bolsters", "Nackenrollen", "bolster", "Nackenrolle", 3_900))),
        ("blankets", "Blankets", "Decken", (
            ("throws", "Throws", "Überwürfe", "throw", "Überwurf", 11_900),
            ("quilts", "Quilts", "Steppdecken", "quilt", "Steppdecke", 17_900))),
        ("nightwear", "Nightwear", "Nachtwäsche", (
            ("pyjamas", "Pyjamas", "Schlafanzüge", "pyjama", "Schlafanzug", 7_900),
            ("robes", "Robes", "Morgenmäntel", "robe", "Morgenmantel", 12_900))))),
    ("bathroom", "Bathroom", "Bad", (
        ("towels", "Towels", "Handtücher", (
            ("hand-towels", "Hand towels", "Händehandtücher", "hand towel", "Handtuch", 1_900),
            ("bath-towels", "Bath towels", "Badetücher", "bath towel", "Badetuch", 3_900))),
        ("mats", "Bath mats", "Badematten", (
            ("woven-mats", "Woven mats", "Gewebte Matten", "woven mat", "Webmatte", 3_400),
            ("tufted-mats", "Tufted mats", "Getuftete Matten", "tufted mat", "Tuftmatte", 4_400))),
        ("curtains", "Shower curtains", "Duschvorhänge", (
            ("short-curtains", "Short curtains", "Kurze Vorhänge", "short curtain", "Kurzvorhang", 4_900),
            ("long-curtains", "Long curtains", "Lange Vorhänge", "long curtain", "Langvorhang", 6_900))),
        ("sauna", "Sauna", "Sauna", (
            ("sauna-towels", "Sauna towels", "Saunatücher", "sauna towel", "Saunatuch", 4_900),
            ("kilts", "Sauna kilts", "Saunakilts", "sauna kilt", "Saunakilt", 3_900))))),
    ("kitchen", "Kitchen", "Küche", (
        ("tea-towels", "Tea towels", "Geschirrtücher", (
            ("plain", "Plain", "Einfarbig", "plain tea towel", "Geschirrtuch", 1_200),
            ("striped", "Striped", "Gestreift", "striped tea towel", "Streifentuch", 1_400))),
        ("aprons", "Aprons", "Schürzen", (
            ("bib-aprons", "Bib aprons", "Latzschürzen", "bib apron", "Latzschürze", 3_900),
            ("half-aprons", "Half aprons", "Halbschürzen", "half apron", "Halbschürze", 2_900))),
        ("mitts", "Mitts", "Handschuhe", (
            ("oven-mitts", "Oven mitts", "Ofenhandschuhe", "oven mitt", "Ofenhandschuh", 1_900),
            ("pot-holders", "Pot holders", "Topflappen", "pot holder", "Topflappen", 900))),
        ("bags", "Bags", "Beutel", (
            ("bread-bags", "Bread bags", "Brotbeutel", "bread bag", "Brotbeutel", 1_600),
            ("market-bags", "Market bags", "Einkaufstaschen", "market bag", "Einkaufstasche", 2_200))))),
    ("dining", "Dining", "Esszimmer", (
        ("tablecloths", "Tablecloths", "Tischdecken", (
            ("round", "Round", "Rund", "round tablecloth", "Runddecke", 7_900),
            ("long", "Long", "Lang", "long tablecloth", "Tafeltuch", 9_900))),
        ("napkins", "Napkins", "Servietten", (
            ("dinner-napkins", "Dinner napkins", "Tischservietten", "dinner napkin", "Serviette", 900),
            ("cocktail-napkins", "Cocktail napkins", "Barservietten", "cocktail napkin", "Barserviette", 600))),
        ("runners", "Runners", "Tischläufer", (
            ("narrow-runners", "Narrow runners", "Schmale Läufer", "narrow runner", "Tischband", 2_900),
            ("wide-runners", "Wide runners", "Breite Läufer", "wide runner", "Tischläufer", 3_900))),
        ("placemats", "Placemats", "Platzsets", (
            ("quilted-placemats", "Quilted placemats", "Gesteppte Sets", "quilted placemat", "Steppset", 1_500),
            ("flat-placemats", "Flat placemats", "Flache Sets", "flat placemat", "Platzset", 1_100))))),
    ("living", "Living room", "Wohnzimmer", (
        ("cushions", "Cushions", "Zierkissen", (
            ("square-cushions", "Square cushions", "Quadratische Kissen", "square cushion", "Zierkissen", 3_400),
            ("floor-cushions", "Floor cushions", "Bodenkissen", "floor cushion", "Bodenkissen", 8_900))),
        ("plaids", "Plaids", "Plaids", (
            ("light-plaids", "Light plaids", "Leichte Plaids", "light plaid", "Leichtplaid", 9_900),
            ("heavy-plaids", "Heavy plaids", "Schwere Plaids", "heavy plaid", "Wollplaid", 15_900))),
        ("rugs", "Rugs", "Teppiche", (
            ("flatweave-rugs", "Flatweave rugs", "Flachgewebe", "flatweave rug", "Webteppich", 24_900),
            ("pile-rugs", "Pile rugs", "Florteppiche", "pile rug", "Florteppich", 39_900))),
        ("window", "Window", "Fenster", (
            ("sheers", "Sheers", "Gardinen", "sheer", "Gardine", 6_900),
            ("drapes", "Drapes", "Vorhänge", "drape", "Vorhang", 10_900))))),
    ("outdoor", "Outdoor", "Garten", (
        ("hammocks", "Hammocks", "Hängematten", (
            ("single-hammocks", "Single hammocks", "Einzelhängematten", "single hammock", "Hängematte", 9_900),
            ("double-hammocks", "Double hammocks", "Doppelhängematten", "double hammock", "Doppelmatte", 14_900))),
        ("picnic", "Picnic", "Picknick", (
            ("picnic-blankets", "Picnic blankets", "Picknickdecken", "picnic blanket", "Picknickdecke", 5_900),
            ("baskets", "Baskets", "Körbe", "lined basket", "Stoffkorb", 6_900))),
        ("seat-pads", "Seat pads", "Sitzauflagen", (
            ("chair-pads", "Chair pads", "Stuhlkissen", "chair pad", "Stuhlkissen", 2_400),
            ("bench-pads", "Bench pads", "Bankauflagen", "bench pad", "Bankauflage", 5_400))),
        ("shade", "Shade", "Sonnenschutz", (
            ("awnings", "Awnings", "Sonnensegel", "awning", "Sonnensegel", 18_900),
            ("parasols", "Parasols", "Schirme", "parasol", "Sonnenschirm", 12_900))))),
)  # fmt: skip

PATTERNS: Final = (
    "Alder", "Aspen", "Birch", "Bracken", "Clover", "Dune", "Fern", "Fjord", "Harebell", "Hazel", "Heath", "Juniper",
    "Larch", "Marsh", "Meadow", "Moor", "Oat", "Reed", "Rowan", "Sorrel", "Spruce", "Thistle", "Willow", "Yarrow",
)  # fmt: skip

# English and German, with how much dearer than cotton it is.
MATERIALS: Final = (
    ("linen", "Leinen", 1.35),
    ("cotton", "Baumwolle", 1.0),
    ("wool", "Wolle", 1.6),
    ("hemp", "Hanf", 1.2),
    ("half-linen", "Halbleinen", 1.1),
)

BRANDS: Final = (
    "Ahrens", "Bergwerk", "Carding Co", "Dalarna", "Eider", "Flachs & Söhne", "Gotland", "Hollin", "Inver", "Kuopio",
    "Lorne", "Mühlviertel",
)  # fmt: skip

DESCRIPTION = (
    "{name}, woven by {brand} from {material}. Washed once before it leaves the mill, so that it does not shrink at "
    "home. The edges are hemmed by hand. Wash at 40 degrees with similar colours, dry on a line, iron while damp. "
    "Threads may be uneven here and there: that is how {material} shows that it has grown."
)
DESCRIPTION_DE = (
    "{name}, gewebt von {brand} aus {material}. Schon in der Weberei einmal gewaschen, damit zu Hause nichts einläuft. "
    "Die Kanten sind von Hand gesäumt. Bei 40 Grad mit ähnlichen Farben waschen, an der Leine trocknen, feucht "
    "bügeln. Fäden dürfen hier und da ungleich sein: {material} ist eben gewachsen."
)

REVIEW_TITLES: Final = {
    1: ("Not for us", "Came with a hole"),
    2: ("Thinner than hoped", "Colour differs from the picture"),
    3: ("Fine for the price", "Does what it should"),
    4: ("Good weight, quick delivery", "Soft after the second wash", "Would buy again"),
    5: ("Best we have ever had", "Simply beautiful", "My third one", "Worth every cent"),
}
REVIEW_BODIES: Final = (
    "We have had it for half a year now and wash it every other week.",
    "It was a present, and the person who got it has since ordered two more.",
    "The fabric is heavier than I expected, which I like.",
    "Delivery took four days. Nicely packed, no plastic.",
    "After the first wash it became a little shorter, but it still fits.",
    "The colour is calmer than on the screen.",
)

FIRST_NAMES: Final = (
    "Anna", "Ben", "Clara", "David", "Elif", "Finn", "Greta", "Hugo", "Ines", "Jonas", "Klara", "Luca", "Mila", "Noah",
    "Olga", "Paul", "Rosa", "Sami", "Tessa", "Viktor",
)  # fmt: skip

ARTICLES: Final = (
    ("how-linen-grows", "How linen grows", "Wie Leinen wächst"),
    ("a-visit-to-the-mill", "A visit to the mill", "Ein Besuch in der Weberei"),
    ("washing-wool", "Washing wool without fear", "Wolle waschen ohne Angst"),
    ("the-table-in-june", "The table in June", "Der Tisch im Juni"),
    ("mending-a-sheet", "Mending a sheet", "Ein Laken flicken"),
    ("winter-blankets", "Blankets for a cold winter", "Decken für einen kalten Winter"),
    ("colours-from-plants", "Colours from plants", "Farben aus Pflanzen"),
    ("what-we-gave-up", "What we gave up, and why", "Was wir aufgegeben haben, und warum"),
)

SEARCH_WORDS: Final = (
    "linen", "wool", "cotton", "hemp", "towel", "sheet", "blanket", "napkin", "cushion", "rug", "apron", "willow",
    "fern", "meadow", "dune", "Leinen", "Wolle", "Handtuch", "Laken", "Decke", "Kissen", "Teppich", "Serviette",
    "Gotland", "Dalarna",
)  # fmt: skip
