package activitypub

import (
	"context"
	"fmt"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/instances"
	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/db"
)

// blockAtOnce is how many accounts a job looks at in one step.
const blockAtOnce = 500

// ApplyBlock makes the accounts of a domain what is decided about it by now: suspended ones are shut out, which hides what they
// wrote, and lose their ties to people here; silenced ones are hidden. What a decision did that no longer holds is undone; ties do
// not come back. What was decided about an account itself stays.
func (s *Server) ApplyBlock(ctx context.Context, e instances.BlockChanged) error {
	rules, err := s.Instances.AllRules(ctx, s.DB)
	if err != nil {
		return err
	}
	for after := accounts.ID(0); ; {
		list, err := s.Accounts.At(ctx, s.DB, e.Domain, after, blockAtOnce)
		if err != nil || len(list) == 0 {
			return err
		}
		after = list[len(list)-1].ID
		if err := s.limit(ctx, list, rules, e); err != nil {
			return fmt.Errorf("applying what was decided about %s: %w", e.Domain, err)
		}
	}
}

// limit brings a slice of accounts to what holds for them.
func (s *Server) limit(ctx context.Context, list []*accounts.Account, rules instances.Rules, e instances.BlockChanged) error {
	var shut []*accounts.Account
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		for _, a := range list {
			host := ap.HostOf(a.URI)
			if !instances.Within(a.Domain, e.Domain) && !instances.Within(host, e.Domain) {
				continue
			}
			block := rules.Of(a.Domain, host)
			suspended := since(a.SuspendedAt, block, e.At, block.Severity == instances.Suspend)
			silenced := since(a.SilencedAt, block, e.At, block.Severity == instances.Silence)
			if !suspended.IsZero() {
				shut = append(shut, a)
			}
			if suspended.Equal(a.SuspendedAt) && silenced.Equal(a.SilencedAt) {
				continue
			}
			if err := s.Accounts.Limit(ctx, tx, a.ID, suspended, silenced); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, a := range shut {
		if err := s.Relations.Sever(ctx, a, relations.Cause{Type: relations.ByServer, TargetName: e.Domain, Number: e.At.UnixMilli()}); err != nil {
			return err
		}
	}
	return nil
}

// since is from when on a limit holds for an account: since the block that holds, or not any more if it came from the one that
// changed.
func since(was time.Time, block instances.Block, changed time.Time, holds bool) time.Time {
	switch {
	case holds && was.IsZero():
		return block.CreatedAt
	case !holds && was.Equal(changed):
		return time.Time{}
	}
	return was
}

// shut reports whether nothing is exchanged with an account's domain. The host of its id is looked at where it is asked or asks;
// here it is the domain of its handle, where that is another one (MOD-01).
func (s *Server) shut(ctx context.Context, a *accounts.Account) (bool, error) {
	if a.Local() || a.Domain == ap.HostOf(a.URI) {
		return false, nil
	}
	return s.Instances.Suspended(ctx, s.DB, a.Domain)
}

// obey makes an actor what is decided about its domains, or refuses it.
func (r *Resolver) obey(ctx context.Context, a *accounts.Remote) error {
	own := []string{a.Domain, ap.HostOf(a.URI)}
	rules, err := r.Instances.Rules(ctx, r.DB, append(append(own, ap.HostOf(a.Avatar), ap.HostOf(a.Header)), hostsOf(a.Emojis)...)...)
	if err != nil {
		return err
	}
	block := rules.Of(own...)
	switch block.Severity {
	case instances.Suspend:
		return errBlocked()
	case instances.Silence:
		a.SilencedAt = block.CreatedAt
	}
	if block.RejectMedia || !mediaFrom(rules, a.Avatar) {
		a.Avatar = ""
	}
	if block.RejectMedia || !mediaFrom(rules, a.Header) {
		a.Header = ""
	}
	if a.Emojis = emojisFrom(rules, a.Emojis); block.RejectMedia {
		a.Emojis = nil
	}
	return nil
}

// mediaFrom reports whether a file may be shown: not from servers whose media, or who altogether, are not wanted.
func mediaFrom(rules instances.Rules, url string) bool {
	block := rules.Of(ap.HostOf(url))
	return !block.RejectMedia && block.Severity != instances.Suspend
}

// wantedMedia are the attachments and emojis that may be shown of a post by somebody.
func (s *Server) wantedMedia(ctx context.Context, by *accounts.Account, files []media.Attachment, emojis []accounts.Emoji) ([]media.Attachment, []accounts.Emoji, error) {
	if len(files)+len(emojis) == 0 {
		return files, emojis, nil
	}
	hosts := []string{by.Domain, ap.HostOf(by.URI)}
	for _, f := range files {
		hosts = append(hosts, ap.HostOf(f.RemoteURL))
	}
	rules, err := s.Instances.Rules(ctx, s.DB, append(hosts, hostsOf(emojis)...)...)
	if err != nil || rules.Of(by.Domain, ap.HostOf(by.URI)).RejectMedia {
		return nil, nil, err
	}
	var keptFiles []media.Attachment
	for _, f := range files {
		if mediaFrom(rules, f.RemoteURL) {
			keptFiles = append(keptFiles, f)
		}
	}
	return keptFiles, emojisFrom(rules, emojis), nil
}

func hostsOf(emojis []accounts.Emoji) []string {
	var hosts []string
	for _, e := range emojis {
		hosts = append(hosts, ap.HostOf(e.URL))
	}
	return hosts
}

func emojisFrom(rules instances.Rules, emojis []accounts.Emoji) []accounts.Emoji {
	var kept []accounts.Emoji
	for _, e := range emojis {
		if mediaFrom(rules, e.URL) {
			kept = append(kept, e)
		}
	}
	return kept
}
