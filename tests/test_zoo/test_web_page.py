from dyfadet_mm.zoo.web_page import confirmed_url, describe

# as Google Drive words it, without its styles
PAGE = '''<!DOCTYPE html><html><head><title>Google Drive - Virus scan
warning</title></head><body><form id="search" action="/other">
<input name="q" value="no"></form>
<p>file.pth (1.2G) is too large</p>
<form id="download-form" action="https://drive.example/download" method="get">
<input type="submit" value="Download anyway"/>
<input type="hidden" name="id" value="1_a"><input type="hidden" name="export"
value="download"><input type="hidden" name="confirm" value="t">
<input type="hidden" name="uuid" value="8a-b &amp; c"></form></body></html>'''


def test_form_becomes_an_address():
    assert confirmed_url(PAGE, 'https://drive.example/uc?id=1_a') == (
        'https://drive.example/download?id=1_a&export=download&confirm=t'
        '&uuid=8a-b+%26+c')


def test_form_with_a_relative_address():
    page = PAGE.replace('https://drive.example/download', '/get?x=1')
    url = confirmed_url(page, 'http://127.0.0.1:8000/uc?id=1_a')
    assert url.startswith('http://127.0.0.1:8000/get?id=1_a&')


def test_page_without_a_download_form():
    page = PAGE.replace('download-form', 'login-form')
    assert confirmed_url(page, 'https://drive.example/') is None


def test_title_in_one_line():
    assert describe(PAGE) == 'Google Drive - Virus scan warning'
    assert describe('<html></html>') == 'a page without title'
