package api

import (
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/limit"
)

// The general rules; the numbers are those of Mastodon's code (testdata/mastodon-api/README.md).
var (
	perUser    = limit.Rule{Name: "api_user", Limit: 1500, Window: 5 * time.Minute}
	perToken   = limit.Rule{Name: "api_token", Limit: 300, Window: 5 * time.Minute}
	perAddress = limit.Rule{Name: "api_address", Limit: 300, Window: 5 * time.Minute}
	perCursor  = limit.Rule{Name: "api_paging", Limit: 300, Window: 15 * time.Minute}
)

// Names of the further rules that a Route may ask for.
const (
	LimitMedia    = "media"
	LimitDelete   = "delete"
	LimitApps     = "apps"
	LimitSignUp   = "sign_up"
	LimitStatuses = "statuses"
	LimitFollows  = "follows"
	LimitReports  = "reports"
	LimitMails    = "mails"
)

// rules are the further rules. Those that count acts, not tries, are given back when the act fails.
var rules = map[string]struct {
	limit.Rule
	acts bool
}{
	LimitMedia:    {limit.Rule{Name: "api_media", Limit: 30, Window: 30 * time.Minute}, false},
	LimitDelete:   {limit.Rule{Name: "api_delete", Limit: 30, Window: 30 * time.Minute}, false},
	LimitApps:     {limit.Rule{Name: "api_apps", Limit: 5, Window: 10 * time.Minute}, false},
	LimitSignUp:   {limit.Rule{Name: "api_sign_up", Limit: 5, Window: 30 * time.Minute}, false},
	LimitMails:    {limit.Rule{Name: "api_mails", Limit: 5, Window: 30 * time.Minute}, false},
	LimitStatuses: {limit.Rule{Name: "acts_statuses", Limit: 300, Window: 3 * time.Hour}, true},
	LimitFollows:  {limit.Rule{Name: "acts_follows", Limit: 400, Window: 24 * time.Hour}, true},
	LimitReports:  {limit.Rule{Name: "acts_reports", Limit: 400, Window: 24 * time.Hour}, true},
}

// limit counts a request by every rule that holds for it, and tells where the caller stands with the tightest.
func (s *server) limit(w http.ResponseWriter, r *Request, route Route) error {
	if s.Limiter == nil {
		return nil
	}
	addr := limit.AddrKey(s.ClientAddr(r.Request))
	who := addr
	var results []limit.Result
	count := func(rule limit.Rule, key string) error {
		res, err := s.Limiter.Allow(r.Context(), rule, key)
		results = append(results, res)
		return err
	}
	var err error
	if r.Token == nil {
		err = count(perAddress, addr)
	} else {
		if r.Account != nil {
			who = "u" + strconv.FormatInt(int64(r.Account.ID), 10)
			err = count(perUser, who)
		}
		if err == nil {
			err = count(perToken, strconv.FormatInt(int64(r.Token.ID), 10))
		}
	}
	if err == nil && pages(r.Request) {
		err = count(perCursor, who)
	}
	if rule, ok := rules[route.Limit]; ok && err == nil {
		err = count(rule.Rule, s.counted(r, route))
	}
	if err != nil {
		return err
	}
	tightest := limit.Tightest(results...)
	tightest.SetHeaders(w.Header())
	if !tightest.OK {
		return errs.New(errs.TooManyKind, "Too many requests")
	}
	return nil
}

// counted is whom a further rule counts: the person, or the address of those without one.
func (s *server) counted(r *Request, route Route) string {
	if r.Account == nil || route.Limit == LimitApps || route.Limit == LimitSignUp {
		return limit.AddrKey(s.ClientAddr(r.Request))
	}
	return "u" + strconv.FormatInt(int64(r.Account.ID), 10)
}

// refund gives an act back that did not happen.
func (s *server) refund(r *Request, route Route) {
	rule, ok := rules[route.Limit]
	if s.Limiter == nil || !ok || !rule.acts {
		return
	}
	if err := s.Limiter.Refund(r.Context(), rule.Rule, s.counted(r, route)); err != nil {
		s.Log.WarnContext(r.Context(), "giving back a counted act", "error", err)
	}
}

// pages reports whether a request asks for another page than the first.
func pages(r *http.Request) bool {
	if r.URL.RawQuery == "" {
		return false
	}
	q := r.URL.Query()
	return q.Has("max_id") || q.Has("since_id") || q.Has("min_id") || q.Has("page")
}

// peer is the address of the connection's other end.
func peer(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr()
}
