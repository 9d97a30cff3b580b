package archive

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/jobs"
	"github.com/gomph/gomph/internal/kit/text"
)

const (
	// rowsAtOnce lines are taken in one run, and pause lies between two: 240 lines a minute for one import, so that no other server, and nobody
	// else here, feels it.
	rowsAtOnce = 20
	pause      = 5 * time.Second
	// clearAtOnce is how many ties one run takes away, and maxTries how often a line is tried that ends in a failure of this server.
	clearAtOnce = 100
	maxTries    = 3
)

var errMore = errors.New("there is more to import")

// Run takes some lines of an import, and asks to be run again while there are more. A line counts once, in the transaction that removes it; what
// it asks for is the same the second time.
func (s *Service) Run(ctx context.Context, e Confirmed) error {
	i, err := scanImport(s.DB.QueryRow(ctx, "SELECT "+importColumns+" FROM bulk_imports i WHERE i.id = $1", e.ImportID))
	if errs.IsNotFound(err) {
		return nil
	}
	if err != nil || i.State != Running {
		return err
	}
	me, err := s.Accounts.ByID(ctx, s.DB, i.AccountID)
	if err != nil {
		return err
	}
	if me.Suspended() {
		return s.finish(ctx, i)
	}
	if i.Overwrite && !i.cleared {
		done, err := s.clear(ctx, i, me)
		if err != nil {
			return err
		}
		if !done {
			return jobs.Later(pause, errMore)
		}
	}
	rows, err := s.rows(ctx, i.ID, 0, 0, rowsAtOnce)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if err := s.take(ctx, i, me, r); err != nil {
			return err
		}
	}
	if len(rows) < rowsAtOnce {
		return s.finish(ctx, i)
	}
	return jobs.Later(pause, errMore)
}

func (s *Service) finish(ctx context.Context, i *Import) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		return tx.Do(ctx, "finishing an import", "UPDATE bulk_imports SET state = $1, finished_at = $2 WHERE id = $3", Finished, db.Ms(s.Clock.Now()), i.ID)
	})
}

// take does what a line asks for and counts it.
func (s *Service) take(ctx context.Context, i *Import, me *accounts.Account, r row) error {
	if r.tries >= maxTries {
		return s.count(ctx, i, r, false)
	}
	if err := s.DB.Write(ctx, func(tx *db.Tx) error {
		return tx.Do(ctx, "trying a line", "UPDATE bulk_import_rows SET tries = tries + 1 WHERE id = $1", r.id)
	}); err != nil {
		return err
	}
	err := s.perform(ctx, i.Type, me, r.line)
	if err != nil && (ctx.Err() != nil || errs.KindOf(err) == errs.Internal) {
		return fmt.Errorf("importing a line: %w", err)
	}
	return s.count(ctx, i, r, err == nil)
}

func (s *Service) count(ctx context.Context, i *Import, r row, taken bool) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		sql, more := "UPDATE bulk_import_rows SET state = 1 WHERE id = $1 AND state = 0", 0
		if taken {
			sql, more = "DELETE FROM bulk_import_rows WHERE id = $1 AND state = 0", 1
		}
		n, err := tx.Exec(ctx, sql, r.id)
		if err != nil || n == 0 {
			return err
		}
		return tx.Do(ctx, "counting a line", "UPDATE bulk_imports SET processed_items = processed_items + 1, imported_items = imported_items + $1 WHERE id = $2", more, i.ID)
	})
}

func (s *Service) perform(ctx context.Context, t Type, me *accounts.Account, l line) error {
	switch t {
	case DomainBlocking:
		return s.Relations.BlockDomain(ctx, me, l.Domain)
	case Bookmarks:
		return s.bookmark(ctx, me, l.URI)
	}
	target, err := s.account(ctx, l.Acct)
	if err != nil {
		return err
	}
	if target.ID == me.ID && t != Lists || target.Local() && target.ActorType == "Application" {
		return errs.Forbidden()
	}
	switch t {
	case Following:
		return s.Relations.Follow(ctx, me, target, relations.FollowOptions{Reblogs: l.Boosts, Notify: l.Notify, Languages: languages(l.Languages)})
	case Blocking:
		return s.Relations.Block(ctx, me, target, "")
	case Muting:
		return s.Relations.Mute(ctx, me.ID, target.ID, relations.MuteOptions{Notifications: l.Hide == nil || *l.Hide})
	}
	return s.enlist(ctx, me, target, l.List)
}

// languages are those of a line that there are.
func languages(in []string) []string {
	var out []string
	for _, l := range in {
		if text.ValidLanguage(l) {
			out = append(out, l)
		}
	}
	return out
}

// account finds whom a handle names, elsewhere too.
func (s *Service) account(ctx context.Context, acct string) (*accounts.Account, error) {
	name, domain, _ := strings.Cut(acct, "@")
	if !text.ValidRemoteUsername(name) {
		return nil, errs.NotFound()
	}
	if domain != "" {
		var err error
		if domain, err = text.NormalizeDomain(domain); err != nil {
			return nil, errs.NotFound()
		}
	}
	a, err := s.Accounts.ByAcct(ctx, s.DB, name, domain)
	if errs.IsNotFound(err) && s.Finder != nil && !s.Site.IsLocalDomain(domain) {
		a, _, err = s.Finder.Find(ctx, "@"+name+"@"+domain)
	}
	if err == nil && (a == nil || a.Suspended()) {
		err = errs.NotFound()
	}
	return a, err
}

func (s *Service) bookmark(ctx context.Context, me *accounts.Account, uri string) error {
	st, err := s.Statuses.ByURI(ctx, s.DB, uri)
	if errs.IsNotFound(err) && s.Finder != nil && !s.Site.IsLocalURI(uri) && (strings.HasPrefix(uri, "https://") || strings.HasPrefix(uri, "http://")) {
		var found *statuses.Status
		if _, found, err = s.Finder.Find(ctx, uri); err == nil && found == nil {
			err = errs.NotFound()
		}
		st = found
	}
	if err != nil {
		return err
	}
	_, err = s.Statuses.Bookmark(ctx, me, st.ID, true)
	return err
}

// enlist puts an account on the list of a name, which is made if there is none. Who is on a list is followed.
func (s *Service) enlist(ctx context.Context, me, target *accounts.Account, title string) error {
	lists, err := s.Relations.Lists(ctx, s.DB, me.ID)
	if err != nil {
		return err
	}
	var to *relations.List
	for i := range lists {
		if lists[i].Title == title {
			to = &lists[i]
		}
	}
	if to == nil {
		made, err := s.Relations.CreateList(ctx, relations.List{AccountID: me.ID, Title: title, RepliesPolicy: "list"})
		if err != nil {
			return err
		}
		to = &made
	}
	there, err := db.Exists(ctx, s.DB, "SELECT 1 FROM list_accounts WHERE list_id = $1 AND account_id = $2", to.ID, target.ID)
	if err != nil || there {
		return err
	}
	follows, err := s.Relations.Follows(ctx, s.DB, me.ID, target.ID)
	if err != nil {
		return err
	}
	if !follows && target.ID != me.ID {
		if err := s.Relations.Follow(ctx, me, target, relations.FollowOptions{}); err != nil {
			return err
		}
	}
	return s.Relations.AddToList(ctx, *to, []accounts.ID{target.ID})
}

// clear takes away what is not in a file that replaces what was there, some at a time; it reports whether all is done.
func (s *Service) clear(ctx context.Context, i *Import, me *accounts.Account) (bool, error) {
	keep := map[string]bool{}
	for after := int64(0); ; {
		rows, err := s.rows(ctx, i.ID, 0, after, exportPage)
		if err != nil {
			return false, err
		}
		for _, r := range rows {
			keep[s.key(i.Type, r.line)] = true
			after = r.id
		}
		if len(rows) < exportPage {
			break
		}
	}
	gone := 0
	for after := int64(math.MaxInt64); gone < clearAtOnce; {
		list, err := db.All(ctx, s.DB, func(r db.Row) (c columns, err error) {
			return c, r.Scan(&c.id, &c.name, &c.domain, &c.text, &c.yes, &c.notify)
		}, exports[i.Type].sql, me.ID, after, exportPage)
		if err != nil {
			return false, err
		}
		for _, c := range list {
			after = c.id
			l := line{Acct: s.acct(c), Domain: c.domain, URI: c.text, List: c.text}
			if keep[s.key(i.Type, l)] || gone == clearAtOnce {
				continue
			}
			if err := s.undo(ctx, i.Type, me, l); err != nil && errs.KindOf(err) == errs.Internal {
				return false, err
			}
			gone++
		}
		if len(list) < exportPage {
			break
		}
	}
	if gone == clearAtOnce {
		return false, nil
	}
	return true, s.DB.Write(ctx, func(tx *db.Tx) error {
		return tx.Do(ctx, "noting a cleared import", "UPDATE bulk_imports SET cleared = TRUE WHERE id = $1", i.ID)
	})
}

// key is what makes two lines mean the same.
func (s *Service) key(t Type, l line) string {
	acct := strings.ToLower(l.Acct)
	if name, domain, _ := strings.Cut(acct, "@"); s.Site.IsLocalDomain(domain) {
		acct = name
	}
	switch t {
	case DomainBlocking:
		return l.Domain
	case Bookmarks:
		return l.URI
	case Lists:
		return l.List + "\x00" + acct
	}
	return acct
}

// undo takes one tie away.
func (s *Service) undo(ctx context.Context, t Type, me *accounts.Account, l line) error {
	switch t {
	case DomainBlocking:
		return s.Relations.UnblockDomain(ctx, me.ID, l.Domain)
	case Bookmarks:
		st, err := s.Statuses.ByURI(ctx, s.DB, l.URI)
		if err != nil {
			return err
		}
		_, err = s.Statuses.Bookmark(ctx, me, st.ID, false)
		return err
	}
	name, domain, _ := strings.Cut(l.Acct, "@")
	target, err := s.Accounts.ByAcct(ctx, s.DB, name, domain)
	if err != nil {
		return err
	}
	switch t {
	case Following:
		return s.Relations.Unfollow(ctx, me, target)
	case Blocking:
		return s.Relations.Unblock(ctx, me, target)
	case Muting:
		return s.Relations.Unmute(ctx, me.ID, target.ID)
	}
	lists, err := s.Relations.Lists(ctx, s.DB, me.ID)
	for _, list := range lists {
		if err == nil && list.Title == l.List {
			err = s.Relations.RemoveFromList(ctx, list, []accounts.ID{target.ID})
		}
	}
	return err
}
