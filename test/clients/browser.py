"""Signs in and gives consent as a person does in a browser: it keeps cookies, follows redirects and submits forms with every field they have.

Used by the tests of clients that sign in by OAuth. It knows only what a browser knows, apart from where to type the e-mail address and the password.
"""
import html.parser
import sys
import urllib.parse

import requests

# Pages between the first address and the code: sign-in, consent, code, and some redirects that requests follows by itself.
MOST_PAGES = 6
EMAIL_FIELDS = ("user[email]", "email", "username")
PASSWORD_FIELDS = ("user[password]", "password")


class Form:
    """One form of a page."""

    def __init__(self, method, action):
        self.method, self.action = method.lower(), action
        self.fields = {}
        self.buttons = []  # (name, value) of each submit button, in order


class _Page(html.parser.HTMLParser):
    """Finds the forms of a page, and the code that is shown to be copied."""

    def __init__(self):
        super().__init__()
        self.forms, self._form = [], None

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "form":
            self._form = Form(attrs.get("method") or "get", attrs.get("action") or "")
            self.forms.append(self._form)
        elif self._form is None:
            return
        elif tag == "input":
            self._input(attrs)
        elif tag == "button" and (attrs.get("type") or "submit") == "submit":
            self._form.buttons.append((attrs.get("name"), attrs.get("value") or ""))

    def _input(self, attrs):
        kind, name, value = (attrs.get("type") or "text").lower(), attrs.get("name"), attrs.get("value") or ""
        if kind == "submit":
            self._form.buttons.append((name, value))
        elif name and (kind not in ("checkbox", "radio") or "checked" in attrs):
            self._form.fields[name] = value or ("on" if kind in ("checkbox", "radio") else "")

    def handle_endtag(self, tag):
        if tag == "form":
            self._form = None


def forms(text):
    """Returns the forms of a page."""
    page = _Page()
    page.feed(text)
    return page.forms


def _code_of(address):
    return urllib.parse.parse_qs(urllib.parse.urlparse(address).query).get("code", [None])[0]


def _same_origin(one, other):
    return urllib.parse.urlsplit(one)[:2] == urllib.parse.urlsplit(other)[:2]


class Browser:
    """A browser with its cookies. Several authorizations by one browser ask for the password once."""

    def __init__(self):
        self.session = requests.Session()
        self.session.headers["Accept"] = "text/html,application/xhtml+xml"
        self.session.headers["User-Agent"] = "Mozilla/5.0 (test browser)"

    def authorize(self, address, email, password):
        """Opens an authorization address, signs in, consents, and returns the code."""
        page = self._open("get", address)
        for _ in range(MOST_PAGES):
            code = _code_of(page.headers.get("Location", "")) or _code_of(page.url)
            if code:
                return code
            page = self._submit(page, email, password)
        raise AssertionError(f"no code after {MOST_PAGES} pages; the last was {page.url}")

    def _open(self, method, address, fields=None):
        """Loads a page. It follows redirects within the server and stops at one that leads to the client."""
        headers = {"Origin": "{0.scheme}://{0.netloc}".format(urllib.parse.urlsplit(address)), "Sec-Fetch-Site": "same-origin"} if method == "post" else {}
        page = self.session.request(method, address, data=fields, headers=headers, allow_redirects=False, timeout=60)
        for _ in range(10):
            target = urllib.parse.urljoin(page.url, page.headers.get("Location", page.url))
            if not page.is_redirect or not _same_origin(target, page.url):
                return page
            page = self.session.get(target, allow_redirects=False, timeout=60)
        raise AssertionError(f"too many redirects, the last to {page.url}")

    def _submit(self, page, email, password):
        if page.status_code != 200:
            raise AssertionError(f"{page.url} answered {page.status_code}: {page.text[:500]}")
        form = self._choose(page)
        for name in form.fields:
            if name in EMAIL_FIELDS:
                form.fields[name] = email
            elif name in PASSWORD_FIELDS:
                form.fields[name] = password
        if form.buttons and form.buttons[0][0]:
            form.fields[form.buttons[0][0]] = form.buttons[0][1]
        return self._open(form.method, urllib.parse.urljoin(page.url, form.action), form.fields)

    @staticmethod
    def _choose(page):
        """Picks the sign-in form, or the first that posts and does not refuse (Mastodon refuses by a hidden _method=delete)."""
        posting = [form for form in forms(page.text) if form.method == "post"]
        for form in posting:
            if any(name in form.fields for name in PASSWORD_FIELDS):
                return form
        agreeing = [form for form in posting if form.fields.get("_method", "post") == "post" and "authorize" in urllib.parse.urljoin(page.url, form.action)]
        if not agreeing:
            raise AssertionError(f"{page.url} has no form to go on with: {page.text[:500]}")
        return agreeing[0]


if __name__ == "__main__":  # for clients in other languages: address, e-mail address and password in, code out
    print(Browser().authorize(*sys.argv[1:4]))
