"""Seed people: invented names, addresses and accounts from eight countries of the euro area."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tools.desk.iban import with_check_digits

if TYPE_CHECKING:
    import random


@dataclass(frozen=True, slots=True)
class Country:
    """Where people of one country live and bank.

    Attributes:
        phone: Pattern of a number; `#` is a digit. Ranges kept free for fiction where a country has some.
        account: Pattern of a basic account number, with a bank code that no bank has.
    """

    code: str
    given: tuple[str, ...]
    family: tuple[str, ...]
    streets: tuple[str, ...]
    cities: tuple[str, ...]
    phone: str
    account: str


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(","))


COUNTRIES = (
    Country(
        "DE",
        _words(
            "Anna, Bernd, Carla, Dieter, Emilia, Felix, Greta, Holger, Ida, Jan, Katrin, Lukas, Nele, Uwe"
        ),
        _words(
            "Bauer, Brandt, Engel, Fuchs, Hartmann, Jansen, Krüger, Lorenz, Petersen, Seidel, Voss, Yilmaz"
        ),
        _words("Ahornweg, Deichstraße, Gartenweg, Hafenstraße, Kirchgasse, Lindenallee, Mühlenweg"),
        _words("20457 Hamburg, 28195 Bremen, 23552 Lübeck, 24103 Kiel, 26122 Oldenburg, 50667 Köln"),
        "+49 40 66969 ###",
        "99900000##########",
    ),
    Country(
        "NL",
        _words(
            "Anouk, Bram, Daan, Eva, Femke, Hugo, Lotte, Maarten, Noor, Ruben, Sanne, Thijs, Willem, Yara"
        ),
        _words(
            "Bakker, Bos, de Boer, Dekker, Hendriks, Jacobs, Kuipers, Mulder, Smit, van Dijk, Visser, Willems"
        ),
        _words("Dorpsstraat, Havenkade, Kerkstraat, Molenweg, Oude Gracht, Prinsengracht, Schoolstraat"),
        _words(
            "1012 AB Amsterdam, 3011 CD Rotterdam, 3511 EF Utrecht, 9711 GH Groningen, 6211 JK Maastricht"
        ),
        "+31 85 555 ## ##",
        "HRBM0#########",
    ),
    Country(
        "FR",
        _words(
            "Adèle, Bastien, Camille, Denis, Élodie, Fabien, Inès, Julien, Léa, Mathieu, Noémie, Olivier, Zoé"
        ),
        _words(
            "Bernard, Chevalier, Dubois, Fontaine, Garnier, Lambert, Leroy, Marchand, Moreau, Perrin, Roussel"
        ),
        _words("Allée des Pins, Chemin du Moulin, Impasse des Lilas, Quai de la Loire, Rue des Tanneurs"),
        _words("44000 Nantes, 67000 Strasbourg, 69002 Lyon, 33000 Bordeaux, 59000 Lille, 35000 Rennes"),
        "+33 1 99 00 ## ##",
        "9999900001#############",
    ),
    Country(
        "ES",
        _words(
            "Alba, Bruno, Carmen, Diego, Elisa, Gonzalo, Irene, Javier, Lucía, Marcos, Nuria, Pablo, Rocío"
        ),
        _words(
            "Álvarez, Blanco, Castillo, Delgado, Iglesias, Molina, Navarro, Ortega, Prieto, Romero, Serrano"
        ),
        _words(
            "Avenida del Puerto, Calle Mayor, Calle de la Paz, Calle del Olmo, Paseo Marítimo, Plaza Nueva"
        ),
        _words("46021 Valencia, 48001 Bilbao, 41004 Sevilla, 08003 Barcelona, 29015 Málaga, 15001 A Coruña"),
        "+34 910 55 ## ##",
        "99990001############",
    ),
    Country(
        "AT",
        _words(
            "Andreas, Barbara, Clemens, Doris, Elias, Hanna, Johanna, Konrad, Lena, Matthias, Sabine, Tobias"
        ),
        _words(
            "Aigner, Berger, Ebner, Gruber, Hofer, Leitner, Moser, Pichler, Reiter, Steiner, Wallner, Winkler"
        ),
        _words(
            "Am Graben, Bahnhofstraße, Donaugasse, Feldgasse, Hauptplatz, Marktgasse, Rosengasse, Waldweg"
        ),
        _words("1010 Wien, 4020 Linz, 5020 Salzburg, 6020 Innsbruck, 8010 Graz, 9020 Klagenfurt"),
        "+43 1 555 ####",
        "99900###########",
    ),
    Country(
        "GR",
        _words("Alexandra, Christos, Danae, Eleni, Fotis, Giorgos, Ioanna, Katerina, Lefteris, Maria, Nikos"),
        _words(
            "Alexiou, Dimitriou, Economou, Georgiou, Ioannidis, Karras, Lambrou, Makris, Nikolaidis, Vlachos"
        ),
        _words("Agiou Nikolaou, Akti Miaouli, Egnatia, Ermou, Kifisias, Leoforos Nikis, Solonos, Tsimiski"),
        _words("105 63 Athens, 546 24 Thessaloniki, 185 31 Piraeus, 262 21 Patras, 712 01 Heraklion"),
        "+30 210 555 ####",
        "9990001################",
    ),
    Country(
        "IE",
        _words(
            "Aoife, Brendan, Ciara, Declan, Fiona, Gareth, Keelin, Liam, Maeve, Niall, Orla, Padraig, Sinead"
        ),
        _words(
            "Brennan, Byrne, Casey, Doyle, Fitzgerald, Hayes, Kavanagh, Keane, Lynch, Nolan, Quinn, Sheehan"
        ),
        _words("Abbey Street, Castle Road, Church Lane, Harbour View, Main Street, Mill Road, Strand Road"),
        _words("D02 XY01 Dublin, T12 AB02 Cork, H91 CD03 Galway, V94 EF04 Limerick, X91 GH05 Waterford"),
        "+353 20 911 ####",
        "HRBM999999########",
    ),
    Country(
        "FI",
        _words(
            "Aino, Antti, Eero, Elina, Hanna, Jari, Kaisa, Lauri, Markku, Oona, Pekka, Riikka, Sami, Veera"
        ),
        _words("Heikkinen, Hämäläinen, Järvinen, Koskinen, Laine, Lehtonen, Mäkinen, Nieminen, Rantanen"),
        _words("Aleksanterinkatu, Hämeenkatu, Kauppakatu, Koulukatu, Puistokatu, Rantatie, Satamakatu"),
        _words("00100 Helsinki, 20100 Turku, 33100 Tampere, 90100 Oulu, 70100 Kuopio"),
        "+358 9 555 ####",
        "999999########",
    ),
)

WEIGHTS = (30, 16, 12, 10, 10, 8, 8, 6)
"""How many of a hundred customers live in each country."""


def person(rng: random.Random, number: int) -> dict[str, str]:
    """Invent a person: `name, email, phone, street, city, country, iban`.

    Args:
        number: Makes the e-mail address unique.
    """
    country = rng.choices(COUNTRIES, WEIGHTS)[0]
    given, family = rng.choice(country.given), rng.choice(country.family)
    domain = rng.choice(("example.org", "example.com", "example.net"))
    return {
        "name": f"{given} {family}",
        "email": f"{ascii_of(given)}.{ascii_of(family)}{number % 1000}@{domain}",
        "phone": _filled(rng, country.phone),
        "street": f"{rng.choice(country.streets)} {rng.randint(1, 148)}",
        "city": rng.choice(country.cities),
        "country": country.code,
        "iban": with_check_digits(country.code, _filled(rng, country.account)),
    }


def ascii_of(name: str) -> str:
    """A name as it stands in an e-mail address."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return plain.lower().replace(" ", "")


def _filled(rng: random.Random, pattern: str) -> str:
    return "".join(str(rng.randint(0, 9)) if mark == "#" else mark for mark in pattern)
