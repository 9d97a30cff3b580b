package activitypub

import (
	"context"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/fetch"
	"github.com/gomph/gomph/internal/kit/httpio"
	"github.com/gomph/gomph/internal/kit/ids"
)

// Quotes go by FEP-044f, as in Mastodon: a post names what it quotes, and counts as a quote when the quoted author agreed. The agreement is a
// stamp, a document on that author's server. Who quotes asks for it by a QuoteRequest; everybody else looks at the stamp.

// maxQuoteDepth is how many quotes within quotes are fetched from the post that arrived (Mastodon: 2).
const maxQuoteDepth = 3

// stampPath is below an account's id; requestPath too.
const (
	stampPath   = "/quote_authorizations/"
	requestPath = "/quote_requests/"
)

// quoteOf is what a post quotes, with the stamp where there is one.
type quoteOf struct {
	*statuses.Quote
	stamp string
}

func stampURI(author *accounts.Account, id int64) string {
	return author.URI + stampPath + ids.Format(id)
}

// addQuotes completes posts with what they quote; nothing where nothing quotes.
func (s *Server) addQuotes(ctx context.Context, list []*post) error {
	all := make([]*statuses.Status, len(list))
	for i, p := range list {
		all[i] = p.status
	}
	quotes, err := s.Statuses.QuotesOf(ctx, s.DB, all)
	if err != nil || len(quotes) == 0 {
		return err
	}
	var authors []accounts.ID
	for _, u := range quotes {
		authors = append(authors, u.QuotedAccountID)
	}
	found, err := s.Accounts.ByIDs(ctx, s.DB, authors)
	if err != nil {
		return err
	}
	for _, p := range list {
		u := quotes[p.status.ID]
		if u == nil {
			continue
		}
		p.quote = &quoteOf{Quote: u}
		if author := found[u.QuotedAccountID]; u.State != statuses.QuoteAccepted || author == nil {
			continue
		} else if p.quote.stamp = u.ApprovalURI; author.Local() {
			p.quote.stamp = stampURI(author, u.ID)
		}
	}
	return nil
}

// interactionPolicy says who may quote a post of ours: those who need not ask, for nobody here is asked.
func interactionPolicy(p *post) *ap.InteractionDoc {
	may := p.status.QuotePolicy.Automatic()
	var list []string
	if may&statuses.MayEverybody != 0 {
		list = append(list, ap.Public)
	}
	if may&statuses.MayFollowers != 0 {
		list = append(list, p.author.FollowersURL)
	}
	if may&statuses.MayFollowing != 0 {
		list = append(list, p.author.FollowingURL)
	}
	if len(list) == 0 {
		list = []string{p.author.URI}
	}
	return &ap.InteractionDoc{CanQuote: &ap.ApprovalDoc{Automatic: list}}
}

// policyOf reads who may quote a post of another server.
func policyOf(n ap.Note, by *accounts.Account) statuses.QuotePolicy {
	bits := func(list []string) (p statuses.QuotePolicy) {
		self := false
		for _, id := range list {
			switch {
			case id == ap.Public:
				p |= statuses.MayEverybody
			case id == by.FollowersURL:
				p |= statuses.MayFollowers
			case id == by.FollowingURL:
				p |= statuses.MayFollowing
			case id == by.URI:
				self = true
			default:
				p |= statuses.MayUnknown
			}
		}
		if p == 0 && self {
			p = statuses.MayAuthor
		}
		return p
	}
	return statuses.QuotePolicyOf(bits(n.QuotableBy), bits(n.QuotableOnRequestBy))
}

// quoteIn reads what a post of another server quotes. Stamps of ours are no news to us, but may be old ones.
func (s *Server) quoteIn(n ap.Note) *statuses.IncomingQuote {
	if n.QuoteURI == "" || n.QuoteURI == n.ID {
		return nil
	}
	in := &statuses.IncomingQuote{URI: n.QuoteURI, ApprovalURI: n.QuoteAuthorization, Legacy: n.QuoteLegacy}
	if s.isOurs(in.ApprovalURI) {
		in.ApprovalURI = ""
	}
	return in
}

// quotesOurs reports whether a post quotes one of ours that everybody may see.
func (s *Server) quotesOurs(ctx context.Context, uri string) (bool, error) {
	if uri == "" || !s.isOurs(uri) {
		return false, nil
	}
	found, err := s.ours(ctx, uri)
	if err != nil {
		return false, dropped(err)
	}
	return found.Status != nil && found.Status.Distributable() && !found.Status.Reblog(), nil
}

// performQuoteRequest answers who asks to quote a post of ours: by the post's policy, at once. Of a post that the sender may not see
// nothing is said, as of one that does not exist (AUZ-12).
func (s *Server) performQuoteRequest(ctx context.Context, a activity) error {
	st, err := s.localStatus(ctx, a.IDOf("object"))
	if err != nil {
		return err
	}
	if st, err = s.Statuses.ByID(ctx, s.DB, a.by.ID, st.ID); err != nil {
		return err
	}
	quoting := a.IDOf("instrument")
	if a.ID == "" || !ap.SameHost(a.ID, a.by.URI) || !ap.SameHost(quoting, a.by.URI) || st.Reblog() {
		return errs.Forbidden()
	}
	author, err := s.Accounts.ByID(ctx, s.DB, st.AccountID)
	if err != nil {
		return err
	}
	request := ap.QuoteRequest(a.ID, a.by.URI, st.URI, quoting)
	may, err := s.Statuses.MayQuote(ctx, s.DB, a.by.ID, st)
	if err != nil {
		return err
	}
	if may != statuses.QuoteAutomatic {
		return s.fanOut(ctx, author, ap.Reject(author.URI+"#rejects"+requestPath+ids.Format(s.IDs.Next()), author.URI, request), []string{a.by.BestInbox()})
	}
	post, err := s.instrument(ctx, a, quoting)
	if err != nil {
		return err
	}
	u, err := s.Statuses.ApproveQuote(ctx, post.ID, st, a.ID)
	if err != nil {
		return err
	}
	yes := ap.Accept(author.URI+"#accepts"+requestPath+ids.Format(u.ID), author.URI, request)
	yes.Result = stampURI(author, u.ID)
	return s.fanOut(ctx, author, yes, []string{a.by.BestInbox()})
}

// instrument is the post that a QuoteRequest is about: of the sender, as it came along, as it is known, or as its server shows it.
func (s *Server) instrument(ctx context.Context, a activity, id string) (*statuses.Status, error) {
	known, err := s.Statuses.ByURI(ctx, s.DB, id)
	if err != nil && !errs.IsNotFound(err) {
		return nil, err
	}
	o := a.Object.Object("instrument")
	if o == nil || o.IsLink() {
		if known != nil && known.AccountID == a.by.ID && known.Quotes() {
			return known, nil
		}
		if o, err = s.object(ctx, id); err != nil {
			return nil, err
		}
	}
	n, err := owned(o, a.by)
	if err != nil {
		return nil, err
	}
	if n.ID != id {
		return nil, errs.Forbidden()
	}
	if known == nil {
		return s.receive(ctx, arrival{Note: n, by: a.by, asked: true})
	}
	if err := s.receiveEdit(ctx, n, a.by); err != nil {
		return nil, err
	}
	return s.Statuses.ByURI(ctx, s.DB, id)
}

// requested is the quote of one of ours that the sender was asked for and now answers; nil for the answer to something else. Nobody
// else's answer counts (AUZ-05).
func (s *Server) requested(ctx context.Context, a activity) (*statuses.Quote, error) {
	id := a.IDOf("object")
	if inner := a.Object.Object("object"); !s.isOurs(id) || !strings.Contains(id, requestPath) || inner != nil && !inner.IsLink() && !inner.Is("QuoteRequest") {
		return nil, nil
	}
	u, err := s.Statuses.QuoteByRequest(ctx, s.DB, id)
	if err == nil && u.QuotedAccountID != a.by.ID {
		err = errs.Forbidden()
	}
	return u, err
}

// quoteAccepted takes a yes with the stamp that it grants.
func (s *Server) quoteAccepted(ctx context.Context, a activity, u *statuses.Quote) error {
	stamp := a.IDOf("result")
	if u.State != statuses.QuotePending || u.ApprovalURI != "" && u.ApprovalURI != stamp {
		return nil
	}
	if ok, err := s.stamped(ctx, u, stamp); err != nil || !ok {
		return err
	}
	return s.Statuses.AcceptQuote(ctx, u.StatusID, stamp)
}

// CheckQuote finds out what a post of another server quotes, and whether the quoted author agreed.
func (s *Server) CheckQuote(ctx context.Context, e statuses.QuoteReceived) error {
	u, err := s.Statuses.QuoteOf(ctx, s.DB, e.StatusID)
	if err == nil && u.State == statuses.QuoteAccepted {
		return rested(s.recheck(ctx, u))
	}
	if err != nil || u.State != statuses.QuotePending {
		return dropped(err)
	}
	if u.QuotedStatusID == 0 {
		st, err := s.fetchQuoted(ctx, u.QuotedURI, e.Depth)
		if err != nil {
			return rested(dropped(err))
		}
		if st == nil {
			return nil
		}
		if err := s.Statuses.QuoteFound(ctx, u.StatusID, st); err != nil {
			return dropped(err)
		}
	} else if u.AccountID == u.QuotedAccountID {
		return s.Statuses.QuoteFound(ctx, u.StatusID, &statuses.Status{})
	}
	if u, err = s.Statuses.QuoteOf(ctx, s.DB, e.StatusID); err != nil || u.State != statuses.QuotePending || u.ApprovalURI == "" || u.QuotedStatusID == 0 {
		return dropped(err)
	}
	ok, err := s.stamped(ctx, u, u.ApprovalURI)
	switch kind := errs.KindOf(err); {
	case err == nil && ok:
		return dropped(s.Statuses.AcceptQuote(ctx, u.StatusID, u.ApprovalURI))
	case err != nil && (kind == errs.NotFoundKind || kind == errs.GoneKind):
		return dropped(s.Statuses.RejectQuote(ctx, u.StatusID)) // there is no such stamp
	}
	return rested(dropped(err))
}

// recheck looks at the stamp of a quote that was accepted. One that is gone, or says something else by now, was taken back.
func (s *Server) recheck(ctx context.Context, u *statuses.Quote) error {
	if u.ApprovalURI == "" || u.Gone {
		return nil
	}
	ok, err := s.stamped(ctx, u, u.ApprovalURI)
	if code := fetch.StatusOf(err); code == http.StatusNotFound || code == http.StatusGone || err == nil && !ok {
		return dropped(s.Statuses.RejectQuote(ctx, u.StatusID))
	}
	return dropped(err)
}

// fetchQuoted is the post that another one quotes; nil where it is not to be fetched.
func (s *Server) fetchQuoted(ctx context.Context, uri string, depth int) (*statuses.Status, error) {
	if s.isOurs(uri) {
		found, err := s.ours(ctx, uri)
		return found.Status, err
	}
	if depth >= maxQuoteDepth {
		st, err := s.Statuses.ByURI(ctx, s.DB, uri)
		if errs.IsNotFound(err) {
			return nil, nil
		}
		return st, err
	}
	return s.fetchStatus(ctx, uri, depth+1, nil)
}

// stamped reports whether an address holds the agreement of the quoted author to this very quote: on that author's own server, by that
// author, for this post, about that one (AUZ-13). Our own authors' agreements are entered when they are given, and not read from anywhere.
func (s *Server) stamped(ctx context.Context, u *statuses.Quote, stamp string) (bool, error) {
	author, err := s.Accounts.ByID(ctx, s.DB, u.QuotedAccountID)
	if err != nil || author.Local() || s.isOurs(stamp) || !ap.SameHost(stamp, author.URI) {
		return false, err
	}
	quoting, err := s.Statuses.Any(ctx, s.DB, u.StatusID)
	if err != nil {
		return false, err
	}
	quoted, err := s.Statuses.Any(ctx, s.DB, u.QuotedStatusID)
	if err != nil {
		return false, err
	}
	o, err := s.object(ctx, stamp)
	if err != nil {
		return false, err
	}
	return o.ID == stamp && o.Is("QuoteAuthorization") && o.IDOf("attributedTo") == author.URI &&
		o.IDOf("interactingObject") == quoting.URI && o.IDOf("interactionTarget") == quoted.URI, nil
}

// SendQuoteRequest asks the author of a post elsewhere whether one of ours may quote it. The post comes along: it may not be for everybody.
func (s *Server) SendQuoteRequest(ctx context.Context, e statuses.QuoteRequested) error {
	u, err := s.Statuses.QuoteByID(ctx, s.DB, e.QuoteID)
	if err != nil || u.State != statuses.QuotePending {
		return dropped(err)
	}
	p, err := s.post(ctx, u.StatusID)
	if err != nil {
		return dropped(err)
	}
	doc, err := s.note(ctx, p)
	if err != nil {
		return err
	}
	inboxes, err := s.inboxesOf(ctx, []accounts.ID{u.QuotedAccountID})
	if err != nil {
		return err
	}
	return s.fanOut(ctx, p.author, ap.QuoteRequest(u.ActivityURI, p.author.URI, u.QuotedURI, doc), inboxes)
}

// SendRefreshed tells of a post whose quote, or quote policy, is another now.
func (s *Server) SendRefreshed(ctx context.Context, e statuses.Refreshed) error {
	p, err := s.post(ctx, e.StatusID)
	if err != nil {
		return dropped(err)
	}
	return s.sendUpdate(ctx, p, p.status.URI+"#updates/"+ids.Format(e.At))
}

// SendRevoked tells that one of ours does not agree any more to be quoted.
func (s *Server) SendRevoked(ctx context.Context, e statuses.ApprovalRevoked) error {
	u, err := s.Statuses.QuoteByID(ctx, s.DB, e.QuoteID)
	if err != nil {
		return dropped(err)
	}
	quoted, err := s.post(ctx, u.QuotedStatusID)
	if err != nil {
		return dropped(err)
	}
	quoting, err := s.post(ctx, u.StatusID)
	if err != nil {
		return dropped(err)
	}
	inboxes, err := s.reachOfStamp(ctx, quoted, quoting)
	if err != nil {
		return err
	}
	return s.fanOut(ctx, quoted.author, ap.DeleteStamp(s.stamp(u, quoted, quoting.status)), inboxes)
}

func (s *Server) stamp(u *statuses.Quote, quoted *post, quoting *statuses.Status) *ap.StampDoc {
	return &ap.StampDoc{ID: stampURI(quoted.author, u.ID), Type: "QuoteAuthorization", AttributedTo: quoted.author.URI, InteractingObject: quoting.URI, InteractionTarget: quoted.status.URI}
}

// getStamp serves the agreement of one of ours to be quoted, to whoever may see the post that quotes, as long as it holds.
func (s *Server) getStamp(w http.ResponseWriter, req *http.Request) error {
	w.Header().Set("Vary", "Accept, Signature")
	author, err := s.named(req)
	if err != nil {
		return err
	}
	ctx := req.Context()
	u, err := s.Statuses.Stamp(ctx, s.DB, author.ID, httpio.PathID(chi.URLParam(req, "id")))
	if err != nil {
		return err
	}
	quoting, err := s.Statuses.Any(ctx, s.DB, u.StatusID)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "public, max-age=30")
	if !quoting.Distributable() {
		w.Header().Set("Cache-Control", "private, no-store")
		if _, err := s.Statuses.ByID(ctx, s.DB, s.viewer(req), quoting.ID); err != nil {
			return err
		}
	}
	quoted, err := s.Statuses.Any(ctx, s.DB, u.QuotedStatusID)
	if err != nil {
		return err
	}
	return write(w, s.stamp(u, &post{status: quoted, author: author}, quoting))
}
