"""Uses Gomph by Mastodon.py, a library that others wrote: the whole of it that Gomph has, with two people.

Environment: GOMPH_URL, GOMPH_EMAIL, GOMPH_PASSWORD, and GOMPH_EMAIL2, GOMPH_PASSWORD2 for a second person.
What Mastodon.py 1.8 does not know yet (PKCE, filters v2, instance v2) is asked with plain requests and the token that it got.
"""
import base64
import hashlib
import io
import queue
import secrets

import mastodon
import requests

from browser import Browser
from checks import PATIENCE_SECONDS, PIXEL, Checks, contains, equal, eventually, setting

URL = setting("GOMPH_URL").rstrip("/")
OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"
SCOPES = ["read", "write", "follow", "push"]


class Person:
    """One person: the app that acts for them, and the same token for plain requests."""

    def __init__(self, email, password):
        self.email, self.password, self.browser = email, password, Browser()
        client_id, secret = mastodon.Mastodon.create_app("Mastodon.py test", scopes=SCOPES, api_base_url=URL, website="https://app.example")
        self.app = mastodon.Mastodon(client_id, secret, api_base_url=URL, version_check_mode="none", ratelimit_method="throw", request_timeout=60)
        self.app.retrieve_mastodon_version()  # without it the library uses what Mastodon removed long ago
        self.client_id, self.secret = client_id, secret
        code = self.browser.authorize(self.app.auth_request_url(scopes=SCOPES), email, password)
        self.token = self.app.log_in(code=code, scopes=SCOPES)
        self.me = self.app.account_verify_credentials()

    def ask(self, method, path, **options):
        """Asks what the library does not know. Returns the decoded answer."""
        answer = requests.request(method, URL + path, headers={"Authorization": f"Bearer {self.token}"}, timeout=60, **options)
        if answer.status_code != 200:
            raise AssertionError(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json()


def pkce(person):
    """Signs in with a proof key, out of which a code alone is worth nothing."""
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    address = person.app.auth_request_url(scopes=["read"]) + f"&code_challenge={challenge}&code_challenge_method=S256"
    for attempt, status in (("w" * 64, 400), (verifier, 200)):
        answer = requests.post(f"{URL}/oauth/token", timeout=60, data={
            "grant_type": "authorization_code", "client_id": person.client_id, "client_secret": person.secret, "redirect_uri": OUT_OF_BAND,
            "code": person.browser.authorize(address, person.email, person.password), "code_verifier": attempt})
        equal(answer.status_code, status, "status")
    equal(answer.json()["scope"], "read", "scope")
    equal(answer.json()["token_type"], "Bearer", "token type")


def posting(checks, ann, bob):
    """Posts of each kind, and the same one twice."""
    def once():
        key = secrets.token_hex(16)
        first, second = (ann.app.status_post("only once", idempotency_key=key) for _ in range(2))
        equal(second.id, first.id, "id of the repeated post")

    def warned():
        post = ann.app.status_post("see <b> & #PyTest", spoiler_text="careful", sensitive=True, visibility="unlisted", language="de")
        equal((post.spoiler_text, post.sensitive, post.visibility, post.language), ("careful", True, "unlisted", "de"))
        contains(post.content, "see &lt;b&gt; &amp; ")
        equal([tag.name.lower() for tag in post.tags], ["pytest"], "tags")
        equal(post.account.id, ann.me.id, "author")

    def edited():
        post = ann.app.status_post("first text")
        changed = ann.app.status_update(post.id, "second text")
        contains(changed.content, "second text")
        contains(ann.app.status(post.id).content, "second text")
        equal(["first" in one.content for one in ann.app.status_history(post.id)], [True, False], "history")
        equal(ann.app.status_source(post.id).text, "second text", "source")

    def pictured():
        media = ann.app.media_post(io.BytesIO(PIXEL), mime_type="image/png", description="red", focus=(0.5, -0.5))
        changed = ann.app.media_update(media.id, description="still red")
        equal(changed.description, "still red")
        post = ann.app.status_post("a picture", media_ids=[media])
        shown = post.media_attachments[0]
        equal((shown.type, shown.description, shown.meta.focus.x), ("image", "still red", 0.5))

    def polled():
        poll = ann.app.make_poll(["one", "two"], expires_in=3600, multiple=True)
        asked = ann.app.status_post("which?", poll=poll)
        bob.app.poll_vote(asked.poll.id, [0, 1])  # which gives nothing in this version
        voted = bob.app.poll(asked.poll.id)
        equal((voted.voted, [one.votes_count for one in voted.options], voted.multiple), (True, [1, 1], True))
        equal(ann.app.poll(asked.poll.id).votes_count, 2)

    checks.run("a picture with its description and focus", pictured)
    checks.run("a poll with several choices", polled)
    checks.run("an idempotency key posts once", once)
    checks.run("a warning, a visibility, a language, a tag", warned)
    checks.run("an edit has a history and a source", edited)
    checks.run("every visibility", lambda: [
        equal(ann.app.status_post(f"for {one}", visibility=one).visibility, one) for one in ("public", "unlisted", "private", "direct")])
    checks.run("an empty post is refused", lambda: refused(mastodon.MastodonAPIError, lambda: ann.app.status_post("")))
    checks.run("a deleted post is gone", lambda: deleted(ann))


def deleted(ann):
    """Deletes, and hears that it is not found."""
    post = ann.app.status_post("soon gone")
    ann.app.status_delete(post.id)
    refused(mastodon.MastodonNotFoundError, lambda: ann.app.status(post.id))


def refused(kind, act):
    """Raises unless the act raises the given kind."""
    try:
        act()
    except kind:
        return
    raise AssertionError(f"expected {kind.__name__}")


def paging(ann):
    """Pages by Link header forth and back, without a gap or a repetition."""
    posts = [ann.app.status_post(f"page {number}").id for number in range(7)]
    first = ann.app.account_statuses(ann.me.id, limit=3)
    second = ann.app.fetch_next(first)
    third = ann.app.fetch_next(second)
    got = [post.id for page in (first, second, third) for post in page][:7]
    equal(got, posts[::-1], "newest first over three pages")
    equal([post.id for post in ann.app.fetch_previous(second)], [post.id for post in first], "the page before")
    equal(len(ann.app.timeline_home(limit=2)), 2, "limit")
    older = ann.app.timeline_home(max_id=posts[1], limit=1)
    equal([post.id for post in older], [posts[0]], "max_id")
    newer = ann.app.timeline_home(min_id=posts[4], limit=1)
    equal([post.id for post in newer], [posts[5]], "min_id")


def together(checks, ann, bob):
    """Two people and a thread."""
    post = checks.run("post to be answered", lambda: ann.app.status_post("a question #PyTest"))
    if not post:
        return

    def context():
        reply = bob.app.status_reply(bob.app.status(post.id), "an answer")
        below = ann.app.status_reply(ann.app.status(reply.id), "thanks")
        thread = ann.app.status_context(reply.id)
        equal(([one.id for one in thread.ancestors], [one.id for one in thread.descendants]), ([post.id], [below.id]))
        contains([one.id for one in reply.mentions], ann.me.id, "mentions")

    def acts():
        equal(bob.app.status_favourite(post.id).favourited, True)
        equal(bob.app.status_reblog(post.id).reblog.id, post.id)
        equal(bob.app.status_bookmark(post.id).bookmarked, True)
        contains([one.id for one in bob.app.bookmarks()], post.id)
        contains([one.id for one in bob.app.favourites()], post.id)
        eventually(lambda: bob.me.id in [one.id for one in ann.app.status_favourited_by(post.id)], "who favourited")
        eventually(lambda: bob.me.id in [one.id for one in ann.app.status_reblogged_by(post.id)], "who boosted")

    def told():
        bob.app.account_follow(ann.me.id)
        wanted = {"mention", "favourite", "reblog", "follow"}
        eventually(lambda: wanted <= {one.type for one in ann.app.notifications() if one.account.id == bob.me.id}, f"notifications {wanted}")
        only = ann.app.notifications(types=["favourite"])
        equal({one.type for one in only}, {"favourite"}, "types asked for")
        equal(only[0].status.id, post.id, "status of the notification")
        ann.app.notifications_dismiss(only[0].id)
        equal([one.id for one in ann.app.notifications() if one.id == only[0].id], [], "dismissed")

    def relationships():
        relation = bob.app.account_relationships([ann.me.id])[0]
        equal((relation.following, relation.followed_by, relation.blocking), (True, False, False))
        equal(bob.app.account_note_set(ann.me.id, "a friend").note, "a friend")
        equal(bob.app.account_mute(ann.me.id).muting, True)
        contains([one.id for one in bob.app.mutes()], ann.me.id)
        equal(bob.app.account_unmute(ann.me.id).muting, False)
        contains([one.id for one in bob.app.account_following(bob.me.id)], ann.me.id)
        contains([one.id for one in ann.app.account_followers(ann.me.id)], bob.me.id)

    def lists():
        made = bob.app.list_create("people")
        bob.app.list_accounts_add(made.id, [ann.me.id])
        equal([one.id for one in bob.app.list_accounts(made.id)], [ann.me.id])
        new = ann.app.status_post("for the list")
        eventually(lambda: new.id in [one.id for one in bob.app.timeline_list(made.id)], "the post in the list")
        equal(bob.app.list_update(made.id, "others").title, "others")
        bob.app.list_delete(made.id)
        equal([one.id for one in bob.app.lists() if one.id == made.id], [])

    checks.run("a thread has ancestors and descendants", context)
    checks.run("favourite, boost, bookmark", acts)
    checks.run("notifications of each kind", told)
    checks.run("relationships", relationships)
    checks.run("lists", lists)
    checks.run("a tag's timeline", lambda: contains([one.id for one in bob.app.timeline_hashtag("pytest")], post.id))
    checks.run("the local timeline", lambda: contains([one.id for one in bob.app.timeline_local(limit=40)], post.id))


def own(checks, ann, bob):
    """What belongs to one person alone."""
    def filters():
        made = ann.ask("POST", "/api/v2/filters", json={
            "title": "spoilers", "context": ["public"], "filter_action": "warn", "keywords_attributes": [{"keyword": "walrus", "whole_word": True}]})
        equal((made["title"], [one["keyword"] for one in made["keywords"]]), ("spoilers", ["walrus"]))
        post = bob.app.status_post("a walrus appears")
        shown = eventually(lambda: [one for one in ann.app.timeline_local() if one.id == post.id], "the post in the timeline")[0]
        equal([str(one["filter"]["id"]) for one in shown["filtered"]], [made["id"]], "filters that match")
        equal(shown["filtered"][0]["keyword_matches"], ["walrus"], "matches")
        ann.ask("DELETE", f"/api/v2/filters/{made['id']}")
        equal(ann.ask("GET", "/api/v2/filters"), [], "filters left")

    def markers():
        post = ann.app.timeline_home(limit=1)[0]
        equal(str(ann.app.markers_set(["home"], [post.id]).home.last_read_id), str(post.id), "marker set")
        equal(str(ann.app.markers_get(["home"]).home.last_read_id), str(post.id), "marker read")

    def profile():
        changed = ann.app.account_update_credentials(display_name="Ann Example", note="I <3 #tests", locked=False, fields=[("Site", "https://a.example:22")])
        equal(changed.display_name, "Ann Example")
        contains(changed.note, "I &lt;3")
        equal(changed.source.note, "I <3 #tests", "source of the note")
        equal([one.name for one in changed.fields], ["Site"])
        equal(ann.app.account_verify_credentials().display_name, "Ann Example", "display name read again")

    def preferences():
        contains(ann.app.preferences(), "posting:default:visibility")
        equal(ann.app.preferences()["posting:default:visibility"], "public")

    checks.run("filters mark what they match", filters)
    checks.run("markers remember", markers)
    checks.run("a profile changes", profile)
    checks.run("preferences", preferences)


def instance(checks, ann, bob):
    """What the server says of itself, and what it finds."""
    def versions():
        contains(URL, ann.app.instance().uri, "uri of v1")
        second = ann.ask("GET", "/api/v2/instance")
        contains(URL, second["domain"], "domain of v2")
        if second["configuration"]["statuses"]["max_characters"] < 500:
            raise AssertionError("fewer characters than everyone has")

    def search():
        found = ann.app.search_v2(bob.me.acct, result_type="accounts")
        contains([one.id for one in found.accounts], bob.me.id, "accounts found")
        by_url = ann.app.search_v2(bob.me.url, resolve=True)
        equal([one.id for one in by_url.accounts], [bob.me.id], "accounts found by address")
        equal(ann.app.account_lookup(bob.me.acct).id, bob.me.id, "looked up")

    checks.run("instance v1 and v2", versions)
    checks.run("search by name and address", search)
    checks.run("health", lambda: equal(ann.app.instance_health(), True))
    checks.run("nodeinfo", lambda: contains(ann.app.instance_nodeinfo().protocols, "activitypub"))


class Listener(mastodon.StreamListener):
    """Notes what comes."""

    def __init__(self):
        self.events = queue.Queue()

    def on_update(self, status):
        self.events.put(("update", status.id))

    def on_notification(self, notification):
        self.events.put(("notification", notification.type))

    def on_delete(self, status_id):
        self.events.put(("delete", status_id))

    def on_status_update(self, status):
        self.events.put(("status.update", status.id))

    def wait(self, wanted):
        """Returns when the event came; others may come before it."""
        seen = []
        while True:
            try:
                event = self.events.get(timeout=PATIENCE_SECONDS)
            except queue.Empty as error:
                raise AssertionError(f"waited in vain for {wanted}; saw {seen}") from error
            if (event[0], str(event[1])) == (wanted[0], str(wanted[1])):
                return
            seen.append(event)


def streaming(ann, bob):
    """Server-sent events: a new post, its edit and deletion, and a notification."""
    listener = Listener()
    handle = ann.app.stream_user(listener, run_async=True, timeout=PATIENCE_SECONDS)
    try:
        eventually(lambda: handle.connection, "the stream, which the library opens in a thread of its own")
        post = ann.app.status_post("live")
        listener.wait(("update", post.id))
        ann.app.status_update(post.id, "live, edited")
        listener.wait(("status.update", post.id))
        bob.app.status_favourite(post.id)
        listener.wait(("notification", "favourite"))
        ann.app.status_delete(post.id)
        listener.wait(("delete", post.id))
    finally:
        handle.close()


def revoke(person):
    """A revoked token opens nothing."""
    token = person.token
    person.app.revoke_access_token()
    answer = requests.get(f"{URL}/api/v1/accounts/verify_credentials", headers={"Authorization": f"Bearer {token}"}, timeout=60)
    equal(answer.status_code, 401, "status with a revoked token")


def main():
    """Everything, in an order in which each part finds what it needs."""
    checks = Checks()
    ann = checks.run("register an app and sign in by code", lambda: Person(setting("GOMPH_EMAIL"), setting("GOMPH_PASSWORD")))
    bob = checks.run("a second person signs in", lambda: Person(setting("GOMPH_EMAIL2"), setting("GOMPH_PASSWORD2")))
    if ann and bob:
        checks.run("sign in with a proof key", lambda: pkce(ann))
        posting(checks, ann, bob)
        checks.run("pages", lambda: paging(ann))
        together(checks, ann, bob)
        own(checks, ann, bob)
        instance(checks, ann, bob)
        checks.run("live by server-sent events", lambda: streaming(ann, bob))
        checks.run("revoke", lambda: revoke(bob))
    checks.finish()


if __name__ == "__main__":
    main()
