"""Tests browser.py against a tiny server that asks for the same steps as Mastodon. Run: python3 -m unittest browser_test"""
import http.server
import threading
import unittest
import urllib.parse

from browser import Browser, forms

SIGN_IN = """<form action="/search"><input name=q></form><form method="post" action="/auth/sign_in">
<input type="hidden" name="_csrf" value="a&amp;b"><input name="user[email]" type="email"><input type="password" name="user[password]">
<input type="checkbox" name="remember"><button>Sign in</button></form>"""
CONSENT = """<form method="post" action="/oauth/authorize"><input type="hidden" name="_method" value="delete"><button>Refuse</button></form>
<form method="post" action="/oauth/authorize"><input type="hidden" name="state" value="s"><button name="allow" value="yes">Allow</button></form>"""


class Server(http.server.BaseHTTPRequestHandler):
    """Answers as Mastodon does, and notes what was posted."""

    posted = []

    def do_GET(self):
        path = urllib.parse.urlparse(self.path).path
        signed_in = "session=1" in self.headers.get("Cookie", "")
        if path.startswith("/oauth/authorize/native"):
            return self.answer(200, "the code")
        if path == "/oauth/authorize":
            return self.answer(200, CONSENT) if signed_in else self.answer(302, "", Location="/auth/sign_in")
        return self.answer(200, SIGN_IN)

    def do_POST(self):
        fields = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.posted.append((self.path, fields))
        if self.path == "/auth/sign_in":
            return self.answer(302, "", Location="/oauth/authorize", Set_Cookie="session=1; Path=/")
        return self.answer(302, "", Location="/oauth/authorize/native?code=abc")

    def answer(self, status, text, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        """Says nothing."""


class BrowserTest(unittest.TestCase):
    """A person signs in once, consents, and gets a code."""

    def test_signs_in_consents_and_finds_the_code(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            browser = Browser()
            for _ in range(2):  # the second time without a password
                code = browser.authorize(f"http://127.0.0.1:{server.server_port}/oauth/authorize?x=1", "a@b.example", "secret")
                self.assertEqual(code, "abc")
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
        consent = ("/oauth/authorize", {"state": ["s"], "allow": ["yes"]})
        sign_in = ("/auth/sign_in", {"_csrf": ["a&b"], "user[email]": ["a@b.example"], "user[password]": ["secret"]})
        self.assertEqual(Server.posted, [sign_in, consent, consent])

    def test_forms_take_what_a_browser_would_send(self):
        form = forms('<form method=POST><input type=checkbox name=a checked><input type=radio name=b value=1><input name=c value="d">')[0]
        self.assertEqual((form.method, form.fields), ("post", {"a": "on", "c": "d"}))


if __name__ == "__main__":
    unittest.main()
