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
    """Where people of one country live and bank; names are listed with commas between them.

    Attributes:
        phone: Pattern of a number; `#` is a digit. Ranges kept free for fiction where a country has some.
        account: Pattern of a basic account number, with a bank code that no bank has.
    """

    code: str
    given: str
    family: str
    streets: str
    cities: str
    phone: str
    account: str


COUNTRIES = (
    Country(
        "DE",
        "Anna, Bernd, Carla, Dieter, Emilia, Felix, Greta, Holger, Ida, Jan, Katrin, Lukas, Nele, Uwe",
        "Bauer, Brandt, Engel, Fuchs, Hartmann, Jansen, Krüger, Lorenz, Petersen, Seidel, Voss, Yilmaz",
        "Ahornweg, Deichstraße, Gartenweg, Hafenstraße, Kirchgasse, Lindenallee, Mühlenweg",
        "20457 Hamburg, 28195 Bremen, 23552 Lübeck, 24103 Kiel, 26122 Oldenburg, 50667 Köln",
        "+49 40 66969 ###",
        "99900000##########",
    ),
    Country(
        "NL",
        "Anouk, Bram, Daan, Eva, Femke, Hugo, Lotte, Maarten, Noor, Ruben, Sanne, Thijs, Willem, Yara",
        "Bakker, Bos, de Boer, Dekker, Hendriks, Jacobs, Kuipers, Mulder, Smit, van Dijk, Visser, Willems",
        "Dorpsstraat, Havenkade, Kerkstraat, Molenweg, Oude Gracht, Prinsengracht, Schoolstraat",
        "1012 AB Amsterdam, 3011 CD Rotterdam, 3511 EF Utrecht, 9711 GH Groningen, 6211 JK Maastricht",
        "+31 85 555 ## ##",
        "HRBM0#########",
    ),
    Country(
        "FR",
        "Adèle, Bastien, Camille, Denis, Élodie, Fabien, Inès, Julien, Léa, Mathieu, Noémie, Olivier, Zoé",
        "Bernard, Chevalier, Dubois, Fontaine, Garnier, Lambert, Leroy, Marchand, Moreau, Perrin, Roussel",
        "Allée des Pins, Chemin du Moulin, Impasse des Lilas, Quai de la Loire, Rue des Tanneurs",
        "44000 Nantes, 67000 Strasbourg, 69002 Lyon, 33000 Bordeaux, 59000 Lille, 35000 Rennes",
        "+33 1 99 00 ## ##",
        "9999900001#############",
    ),
    Country(
        "ES",
        "Alba, Bruno, Carmen, Diego, Elisa, Gonzalo, Irene, Javier, Lucía, Marcos, Nuria, Pablo, Rocío",
        "Álvarez, Blanco, Castillo, Delgado, Iglesias, Molina, Navarro, Ortega, Prieto, Romero, Serrano",
        "Avenida del Puerto, Calle Mayor, Calle de la Paz, Calle del Olmo, Paseo Marítimo, Plaza Nueva",
        "46021 Valencia, 48001 Bilbao, 41004 Sevilla, 08003 Barcelona, 29015 Málaga, 15001 A Coruña",
        "+34 910 55 ## ##",
        "99990001############",
    ),
    Country(
        "AT",
        "Andreas, Barbara, Clemens, Doris, Elias, Hanna, Johanna, Konrad, Lena, Matthias, Sabine, Tobias",
        "Aigner, Berger, Ebner, Gruber, Hofer, Leitner, Moser, Pichler, Reiter, Steiner, Wallner, Winkler",
        "Am Graben, Bahnhofstraße, Donaugasse, Feldgasse, Hauptplatz, Marktgasse, Rosengasse, Waldweg",
        "1010 Wien, 4020 Linz, 5020 Salzburg, 6020 Innsbruck, 8010 Graz, 9020 Klagenfurt",
        "+43 1 555 ####",
        "99900###########",
    ),
    Country(
        "GR",
        "Alexandra, Christos, Danae, Eleni, Fotis, Giorgos, Ioanna, Katerina, Lefteris, Maria, Nikos",
        "Alexiou, Dimitriou, Economou, Georgiou, Ioannidis, Karras, Lambrou, Makris, Nikolaidis, Vlachos",
        "Agiou Nikolaou, Akti Miaouli, Egnatia, Ermou, Kifisias, Leoforos Nikis, Solonos, Tsimiski",
        "105 63 Athens, 546 24 Thessaloniki, 185 31 Piraeus, 262 21 Patras, 712 01 Heraklion",
        "+30 210 555 ####",
        "9990001################",
    ),
    Country(
        "IE",
        "Aoife, Brendan, Ciara, Declan, Fiona, Gareth, Keelin, Liam, Maeve, Niall, Orla, Padraig, Sinead",
        "Brennan, Byrne, Casey, Doyle, Fitzgerald, Hayes, Kavanagh, Keane, Lynch, Nolan, Quinn, Sheehan",
        "Abbey Street, Castle Road, Church Lane, Harbour View, Main Street, Mill Road, Strand Road",
        "D02 XY01 Dublin, T12 AB02 Cork, H91 CD03 Galway, V94 EF04 Limerick, X91 GH05 Waterford",
        "+353 20 911 ####",
        "HRBM999999########",
    ),
    Country(
        "FI",
        "Aino, Antti, Eero, Elina, Hanna, Jari, Kaisa, Lauri, Markku, Oona, Pekka, Riikka, Sami, Veera",
        "Heikkinen, Hämäläinen, Järvinen, Koskinen, Laine, Lehtonen, Mäkinen, Nieminen, Rantanen",
        "Aleksanterinkatu, Hämeenkatu, Kauppakatu, Koulukatu, Puistokatu, Rantatie, Satamakatu",
        "00100 Helsinki, 20100 Turku, 33100 Tampere, 90100 Oulu, 70100 Kuopio",
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
    given, family = _one_of(rng, country.given), _one_of(rng, country.family)
    domain = rng.choice(("example.org", "example.com", "example.net"))
    return {
        "name": f"{given} {family}",
        "email": f"{ascii_of(given)}.{ascii_of(family)}{number % 1000}@{domain}",
        "phone": _filled(rng, country.phone),
        "street": f"{_one_of(rng, country.streets)} {rng.randint(1, 148)}",
        "city": _one_of(rng, country.cities),
        "country": country.code,
        "iban": with_check_digits(country.code, _filled(rng, country.account)),
    }


def ascii_of(name: str) -> str:
    """A name as it stands in an e-mail address."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return plain.lower().replace(" ", "")


def _one_of(rng: random.Random, names: str) -> str:
    return rng.choice(names.split(", "))


def _filled(rng: random.Random, pattern: str) -> str:
    return "".join(str(rng.randint(0, 9)) if mark == "#" else mark for mark in pattern)
