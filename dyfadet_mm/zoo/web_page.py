"""What a web page says that a server sends in the place of a file."""
from contextlib import suppress
from html.parser import HTMLParser
from typing import Optional
from urllib.parse import urlencode, urljoin, urlsplit, urlunsplit


def describe(page: str) -> str:
    """Title of a page, to be shown in an error.

    Args:
        page (str): HTML.

    Returns:
        str: The begin of the title, or what stands for it.
    """
    title = ' '.join(_parse(page).title.split())[:200]
    return title or 'a page without title'


def confirmed_url(page: str, url: str) -> Optional[str]:
    """Address behind the button 'Download anyway' of Google Drive.

    Drive asks to confirm a download that it could not scan for viruses. The
    button is a form with the id ``download-form``, whose hidden inputs become
    the query of the address.

    Args:
        page (str): HTML.
        url (str): Address of the page.

    Returns:
        str, optional: The address, or None if the page has no such button.
    """
    form = _parse(page)
    if form.action is None:
        return None
    try:
        address = urlsplit(urljoin(url, form.action))
    except ValueError:  # of no possible form
        return None
    # as a browser does, the inputs replace the query of the form's address
    return urlunsplit(address._replace(query=urlencode(form.inputs)))


class _Form(HTMLParser):
    """Collects the title and the download form of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.title = ''
        self.action: Optional[str] = None
        self.inputs: dict = {}
        self._inside = ''

    def handle_starttag(self, tag: str, attrs: list) -> None:
        attributes = dict(attrs)
        if tag == 'form' and attributes.get('id') == 'download-form':
            self.action, self._inside = attributes.get('action') or '', 'form'
        elif tag == 'title':
            self._inside = 'title'
        elif (tag == 'input' and self._inside == 'form'
              and attributes.get('name')):
            self.inputs[attributes['name']] = attributes.get('value') or ''

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._inside = ''

    def handle_data(self, data: str) -> None:
        if self._inside == 'title':
            self.title += data


def _parse(page: str) -> _Form:
    """Read a page."""
    form = _Form()
    with suppress(AssertionError):  # the parser's word for a damaged page
        form.feed(page)
    return form
