"""The weights of the zoo: what there is, where it lies, what fits it."""
from typing import Dict, NamedTuple, Optional

# answers with the file itself, also above the size up to which Google Drive
# looks for viruses; at times it asks to confirm all the same (web_page.py)
_DRIVE = ('https://drive.usercontent.google.com/download?'
          'export=download&confirm=t&id={}')


class Weights(NamedTuple):
    """One entry of the zoo.

    Attributes:
        config (str): Config that they fit, without folder and suffix.
        source (str): Whose weights they are.
        num_weights (int): How many tensors there are, without the normaliser
            of the losses.
        url (str, optional): Where they are. None for those that ship with
            this package. Defaults to None.
        size (int, optional): Bytes of the file; None where nobody has
            measured it. Defaults to None.
        sha256 (str, optional): Hash of the file, hexadecimal; None where
            nobody has measured it. Defaults to None.
    """

    config: str
    source: str
    num_weights: int
    url: Optional[str] = None
    size: Optional[int] = None
    sha256: Optional[str] = None


#: Name, as in ``dyfadet://NAME``, to entry. OpenTAD publishes neither sizes
#: nor hashes.
TABLE: Dict[str, Weights] = {
    'digit-streams':
    Weights('dyfadet-plus_pixels_1xb8-10e_digit-streams', 'dyfadet_mm', 276),
    'opentad-thumos14-videomaev2-g':
    Weights('dyfadet-opentad_videomaev2-g_1xb2-45e_thumos14', 'OpenTAD', 260,
            _DRIVE.format('1J4MFgfEIMFCFezYTSyJXQiKDFjiauvNs')),
    'opentad-activitynet-tsp':
    Weights('dyfadet-opentad_tsp_1xb8-16e_activitynet', 'OpenTAD', 260,
            _DRIVE.format('1_meLJtO0ogwD9ZH-RRSmYM2ugli1nXI8')),
    'opentad-hacs-slowfast':
    Weights('dyfadet-opentad_slowfast_1xb8-14e_hacs', 'OpenTAD', 260,
            _DRIVE.format('14OkLRoJRZ2KMeWA-7k7qAiHfUnh8euzx')),
    'opentad-fineaction-videomaev2-g':
    Weights('dyfadet-opentad_videomaev2-g_1xb8-16e_fineaction', 'OpenTAD', 283,
            _DRIVE.format('1-LaoGuwTztttQ1X7OQ81MCr0JUnNfABv')),
}

#: Address in the metafile, from which MMEngine's hub loads, to name. What
#: follows ``#`` is not sent to the server; it names the file of mim download.
ADDRESSES: Dict[str, str] = {
    f'{entry.url}#/{name}.pth': name
    for name, entry in TABLE.items() if entry.url is not None
}


def find(name: str) -> Weights:
    """Look weights up.

    Args:
        name (str): Name in the table.

    Returns:
        Weights: The entry.

    Raises:
        ValueError: If the table has no such name.
    """
    if name not in TABLE:
        raise ValueError(f'dyfadet:// must be followed by one of '
                         f'{sorted(TABLE)}, or by the path of a published '
                         f'checkpoint, but got {name[:300]!r}')
    return TABLE[name]
