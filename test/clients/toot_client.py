"""Uses Gomph by toot, a command-line client that others wrote: signs in by OAuth as a person would, then posts, reads and acts.

Environment: GOMPH_URL, GOMPH_EMAIL, GOMPH_PASSWORD, and GOMPH_EMAIL2, GOMPH_PASSWORD2 for a second person.
"""
import os
import re
import subprocess
import tempfile
import urllib.parse

from browser import Browser
from checks import PIXEL, Checks, contains, equal, eventually, setting

URL = setting("GOMPH_URL").rstrip("/")
HOST = urllib.parse.urlparse(URL).netloc
PLAIN = ["--disable-https"] if URL.startswith("http:") else []


class Toot:
    """One person's toot, with settings of its own."""

    def __init__(self, folder):
        # toot is Debian's, for Debian's Python, whatever else is in the PATH
        self.env = dict(os.environ, XDG_CONFIG_HOME=folder, HOME=folder, PYTHONUNBUFFERED="1", PYTHONIOENCODING="utf-8")
        self.name = None

    def run(self, command, *args, text=None):
        """Runs a command and returns what it printed."""
        done = subprocess.run(
            ["/usr/bin/toot", command, "--no-color", *args], env=self.env, input=text or "", text=True, capture_output=True, timeout=120, check=False)
        if done.returncode or done.stderr.strip():
            raise AssertionError(f"toot {command}: exit code {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def login(self, email, password):
        """Signs in: toot prints an address, the browser gets the code there, and toot is told the code."""
        args = ["/usr/bin/toot", "login", "--no-color", "--instance", HOST, *PLAIN]
        with subprocess.Popen(args, env=self.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            said, address = [], None
            for line in process.stdout:
                said.append(line)
                if line.startswith(f"{URL}/oauth/authorize"):
                    address = line.strip()
                    break
            if not address:
                raise AssertionError(f"toot named no address: {''.join(said)}")
            code = Browser().authorize(address, email, password)
            rest, _ = process.communicate(f"n\n{code}\n", timeout=120)
        equal(process.returncode, 0, f"exit code of the sign-in that said {rest}")
        contains(rest, "Successfully logged in")
        self.name = re.search(r"@(\S+)", self.run("whoami")).group(1)

    def post(self, *args):
        """Posts and returns the id of the post."""
        return self.run("post", *args).strip().rsplit("/", 1)[-1]

    def timeline(self, *args):
        """Returns a timeline as text."""
        return self.run("timeline", "--once", "--count", "20", *args)


def reading(checks, ann, bob, post):
    """What both see of the post."""
    checks.run("the home timeline has one's own post", lambda: contains(ann.timeline(), "Hello from toot"))
    checks.run("the local timeline has it for others", lambda: contains(bob.timeline("--public", "--local"), "Hello from toot"))
    checks.run("the tag timeline has it", lambda: contains(bob.timeline("--tag", "TootTest"), "Hello from toot"))
    checks.run("a thread shows post and reply in order", lambda: thread(ann, bob, post))
    checks.run("search finds a person", lambda: contains(ann.run("search", f"@{bob.name}"), bob.name))
    checks.run("whois shows a person", lambda: contains(ann.run("whois", bob.name), f"@{bob.name}"))
    checks.run("instance shows the server", lambda: contains(ann.run("instance", *PLAIN), HOST))


def thread(ann, bob, post):
    """A reply stands below what it answers, for both."""
    bob.post(f"@{ann.name} Welcome, says the reply", "--reply-to", post)  # only who is mentioned is told
    for one in (ann, bob):
        shown = eventually(lambda one=one: (lambda text: "Welcome" in text and text)(one.run("thread", post)), "the reply")
        if shown.index("Hello from toot") > shown.index("Welcome, says the reply"):
            raise AssertionError(f"the reply comes first: {shown}")


def acting(checks, ann, bob, post):
    """What one does to the post, and how the other hears of it."""
    for verb, said in (("favourite", "favourited"), ("reblog", "reblogged"), ("bookmark", "bookmarked")):
        checks.run(f"{verb} a post", lambda verb=verb, said=said: contains(bob.run(verb, post), f"Status {said}"))
    checks.run("bookmarks list it", lambda: contains(bob.run("bookmarks", "--once"), "Hello from toot"))
    checks.run("reblogged_by names who", lambda: eventually(lambda: bob.name in ann.run("reblogged_by", post), "the boost"))
    checks.run("follow a person", lambda: contains(bob.run("follow", ann.name), "now following"))
    checks.run("followers name who", lambda: eventually(lambda: bob.name in ann.run("followers", ann.name), "the follower"))
    checks.run("following names whom", lambda: contains(bob.run("following", bob.name), ann.name))
    checks.run("notifications tell of all", lambda: notifications(ann, bob))
    checks.run("a follower's home gets new posts", lambda: followed(ann, bob))
    for verb, said in (("unfavourite", "unfavourited"), ("unreblog", "unreblogged"), ("unbookmark", "unbookmarked")):
        checks.run(f"{verb} it again", lambda verb=verb, said=said: contains(bob.run(verb, post), f"Status {said}"))
    for verb, said in (("mute", "have muted"), ("unmute", "no longer muted"), ("block", "now blocking"), ("unblock", "no longer blocked")):
        checks.run(f"{verb} a person", lambda verb=verb, said=said: contains(bob.run(verb, ann.name), said))
    checks.run("unfollow a person", lambda: contains(bob.run("unfollow", ann.name), "no longer following"))


def notifications(ann, bob):
    """Reply, favourite, boost and follow were told."""
    wanted = ("mentioned you", "favourited your status", "reblogged your status", "now follows you")
    text = eventually(lambda: (lambda text: all(part in text for part in wanted) and text)(ann.run("notifications")), f"notifications {wanted}")
    contains(text, bob.name)


def followed(ann, bob):
    """A post with a warning for followers only."""
    ann.post("only for you", "--visibility", "private", "--spoiler-text", "a warning", "--sensitive", "--language", "en")
    eventually(lambda: "only for you" in bob.timeline(), "the post in the follower's home")  # toot does not show warnings
    if "only for you" in bob.timeline("--public"):
        raise AssertionError("a post for followers is in the public timeline")


def picturing(ann):
    """A post with a picture and its description."""
    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        file.write(PIXEL)
        file.flush()
        ann.post("a picture from toot", "--media", file.name, "--description", "red")
    eventually(lambda: "a picture from toot" in ann.timeline() and "/system/" in ann.timeline(), "the picture in the timeline")


def following_tags(ann):
    """A hashtag is followed, listed and left."""
    ann.run("tags_follow", "TootFollows")
    contains(ann.run("tags_followed").lower(), "tootfollows")
    ann.run("tags_unfollow", "TootFollows")
    if "tootfollows" in ann.run("tags_followed").lower():
        raise AssertionError("the hashtag is still followed")


def deleting(checks, ann, bob, post):
    """A deleted post is gone for both."""
    checks.run("delete one's post", lambda: contains(ann.run("delete", post), "Status deleted"))
    checks.run("it is gone", lambda: eventually(lambda: "Hello from toot" not in bob.timeline("--public", "--local"), "the post to go"))


def main():
    """Two people, one post."""
    checks = Checks()
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        ann, bob = Toot(one), Toot(other)
        checks.run("sign in by OAuth", lambda: ann.login(setting("GOMPH_EMAIL"), setting("GOMPH_PASSWORD")))
        checks.run("a second person signs in", lambda: bob.login(setting("GOMPH_EMAIL2"), setting("GOMPH_PASSWORD2")))
        if ann.name and bob.name:
            post = checks.run("post", lambda: ann.post("Hello from toot, with a #TootTest"))
            if post:
                reading(checks, ann, bob, post)
                checks.run("a post with a picture", lambda: picturing(ann))
                checks.run("hashtags are followed", lambda: following_tags(ann))
                acting(checks, ann, bob, post)
                deleting(checks, ann, bob, post)
    checks.finish()


if __name__ == "__main__":
    main()
