package media

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
)

const (
	// Announce is how long before a change of host both hosts must be allowed, and after it: what browsers keep of pages lives up to a week (F16).
	Announce = 7 * 24 * time.Hour
	// gap is how long an origin may be unseen before it counts as taken back; it is seen once a day.
	gap = 3 * 24 * time.Hour
)

// Origin is scheme and host of addresses from which pages may show files.
type Origin struct {
	Origin string
	// AllowedFrom is since when it has been allowed without a break, AllowedAt when it was last seen to be.
	AllowedFrom, AllowedAt time.Time
	// UsedFrom and UsedAt are since when, and when last, addresses of files began with it; zero for never.
	UsedFrom, UsedAt time.Time
	// AnnouncedAt is since when an admin wants it to be allowed; zero for not.
	AnnouncedAt time.Time
}

// OriginOf is the scheme and the host of an address.
func OriginOf(address string) string {
	scheme, rest, _ := strings.Cut(address, "://")
	host, _, _ := strings.Cut(rest, "/")
	return scheme + "://" + host
}

// Hosts is where files were found, are, and may be, as all processes know it. How addresses of stored files begin is called their root; it has no
// slash at its end.
type Hosts struct {
	// Origins are all that were ever seen, those used last first.
	Origins []Origin
	// switches are the newest first.
	switches []change
	// own is the web's own origin, from which pages always showed files.
	own string
}

// change is a wish that addresses begin otherwise than settings say.
type change struct{ root, insteadOf string }

// ReadHosts reads it.
func ReadHosts(ctx context.Context, q db.Q, site settings.Site) (h Hosts, err error) {
	h.own = site.Base()
	h.Origins, err = db.All(ctx, q, func(r db.Row) (o Origin, err error) {
		var from, at, usedFrom, usedAt, announced int64
		err = r.Scan(&o.Origin, &from, &at, &usedFrom, &usedAt, &announced)
		o.AllowedFrom, o.AllowedAt, o.UsedFrom, o.UsedAt, o.AnnouncedAt = db.At(from), db.At(at), db.At(usedFrom), db.At(usedAt), db.At(announced)
		return o, err
	}, "SELECT origin, allowed_from, allowed_at, used_from, used_at, announced_at FROM media_origins /* reads all: a handful of rows */ ORDER BY used_at DESC, origin")
	if err == nil {
		h.switches, err = db.All(ctx, q, func(r db.Row) (c change, err error) { return c, r.Scan(&c.root, &c.insteadOf) },
			"SELECT root, instead_of FROM media_switches /* reads all: a handful of rows */ ORDER BY id DESC")
	}
	if err != nil {
		return h, fmt.Errorf("reading where files are shown from: %w", err)
	}
	return h, nil
}

// Root is the root in force where the settings name another: that of the last switch, unless the settings name one which no switch knows, and which
// is therefore a newer word.
func (h Hosts) Root(configured string) string {
	if slices.ContainsFunc(h.switches, func(c change) bool { return c.root == configured || c.insteadOf == configured }) {
		return h.switches[0].root
	}
	return configured
}

// Shown are the origins that pages may show files from whatever the settings say: those that were announced, and those in whose name there were
// addresses within the last week.
func (h Hosts) Shown(now time.Time) (out []string) {
	for _, o := range h.Origins {
		if !o.AnnouncedAt.IsZero() || now.Before(o.UsedAt.Add(Announce)) {
			out = append(out, o.Origin)
		}
	}
	return out
}

// Ready is when pages will have been allowed for a week to show files from an origin; false when they are not allowed to.
func (h Hosts) Ready(origin string, now time.Time) (time.Time, bool) {
	if origin == h.own {
		return time.Time{}, true
	}
	for _, o := range h.Origins {
		if o.Origin == origin && now.Before(o.AllowedAt.Add(gap)) {
			return o.AllowedFrom.Add(Announce), true
		}
	}
	return time.Time{}, false
}

// MaySwitch refuses, as errs.Invalid, a root that is in force already, and one whose origin was not announced for a week unless that is forced (F16).
func (h Hosts) MaySwitch(configured, root string, now time.Time, force bool) error {
	ready, allowed := h.Ready(OriginOf(root), now)
	switch {
	case h.Root(configured) == root:
		return errs.Invalid("addresses of files begin with %s already", root)
	case force || allowed && !now.Before(ready):
		return nil
	case !allowed:
		return errs.Invalid("%s is not announced", OriginOf(root))
	}
	return errs.Invalid("%s is announced for less than a week, so that some browsers would not show files from there until %s", OriginOf(root), ready.Format("2006-01-02 15:04 MST"))
}

// FollowHosts makes addresses of what all processes know of hosts now.
func (s *Service) FollowHosts(ctx context.Context) error {
	h, err := ReadHosts(ctx, s.DB, s.Site)
	if err == nil {
		s.Addresses.follow(h, s.Clock.Now())
	}
	return err
}

// SeeOrigins keeps which origins are allowed now, and with which one addresses begin. It is safe to repeat.
func (s *Service) SeeOrigins(ctx context.Context, used string, allowed []string) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		for _, origin := range append([]string{used}, allowed...) {
			if err := s.see(ctx, tx, origin, origin == used); err != nil {
				return err
			}
		}
		return nil
	})
}

// see keeps that an origin is allowed now, and whether it is used.
func (s *Service) see(ctx context.Context, tx *db.Tx, origin string, used bool) error {
	now, at := db.Ms(s.Clock.Now()), int64(0)
	if used {
		at = now
	}
	if _, err := tx.Exec(ctx, `INSERT INTO media_origins (origin, allowed_from, allowed_at, used_from, used_at) VALUES ($1, $2, $2, $3, $3)
ON CONFLICT (origin) DO UPDATE SET
  allowed_from = CASE WHEN media_origins.allowed_at < $4 THEN excluded.allowed_from ELSE media_origins.allowed_from END,
  allowed_at = excluded.allowed_at,
  used_from = CASE WHEN excluded.used_at <> 0 AND media_origins.used_at < $4 THEN excluded.used_from ELSE media_origins.used_from END,
  used_at = CASE WHEN excluded.used_at <> 0 THEN excluded.used_at ELSE media_origins.used_at END`,
		origin, now, at, now-gap.Milliseconds()); err != nil {
		return fmt.Errorf("keeping where files are shown from: %w", err)
	}
	return nil
}

// AnnounceOrigin lets pages show files from an origin from now on, in every process within seconds. It is safe to repeat.
func (s *Service) AnnounceOrigin(ctx context.Context, origin string) error {
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		if err := s.see(ctx, tx, origin, false); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "UPDATE media_origins SET announced_at = $2 WHERE origin = $1 AND announced_at = 0", origin, db.Ms(s.Clock.Now()))
		return err
	})
	if err != nil {
		return fmt.Errorf("announcing %s: %w", origin, err)
	}
	return s.FollowHosts(ctx)
}

// RetractOrigin takes an announcement back; errs.Invalid when there is none.
func (s *Service) RetractOrigin(ctx context.Context, origin string) error {
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, "UPDATE media_origins SET announced_at = 0 WHERE origin = $1 AND announced_at <> 0", origin)
		if err == nil && n == 0 {
			err = errs.Invalid("%s is not announced", origin)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("taking %s back: %w", origin, err)
	}
	return s.FollowHosts(ctx)
}

// SwitchRoot lets addresses of stored files begin otherwise from now on, in every process within seconds, until settings name a root that is new.
// It refuses what MaySwitch does. The old origin stays allowed for a week.
func (s *Service) SwitchRoot(ctx context.Context, root string, force bool) error {
	configured, now := s.Addresses.Configured(), s.Clock.Now()
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		h, err := ReadHosts(ctx, tx, s.Site)
		if err != nil {
			return err
		}
		if err := h.MaySwitch(configured, root, now, force); err != nil {
			return err
		}
		before := h.Root(configured)
		for _, o := range []string{OriginOf(before), OriginOf(root)} {
			if err := s.see(ctx, tx, o, true); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, "INSERT INTO media_switches (id, created_at, root, instead_of) VALUES ($1, $2, $3, $4)", s.IDs.Next(), db.Ms(now), root, before); err != nil {
			return err
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("switching the host of files: %w", err)
	}
	return s.FollowHosts(ctx)
}
