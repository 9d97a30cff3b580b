package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/gomph/gomph/internal/kit/blob/probe"
	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/config"
	"github.com/gomph/gomph/internal/kit/mail"
	"github.com/gomph/gomph/internal/kit/metric"
)

// tryLimit bounds trying something out that settings name.
const tryLimit = time.Minute

// TryDatabase connects to the PostgreSQL that settings name, if they do.
func TryDatabase(ctx context.Context, c *config.Config) error {
	if !c.Postgres() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, tryLimit)
	defer cancel()
	own := *c
	own.DBPool = smallestPool
	d, err := openDatabase(ctx, &own, own.DatabaseURL, nil)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Ping(ctx)
}

// TryRedis connects to the Redis that settings name, if they do.
func TryRedis(ctx context.Context, c *config.Config) error {
	ctx, cancel := context.WithTimeout(ctx, tryLimit)
	defer cancel()
	b := trial(c)
	defer b.close()
	return b.openMessages(ctx)
}

// TryFiles stores, reads, lists and deletes files in the bucket that settings name, if they do (requirement F8).
func TryFiles(ctx context.Context, c *config.Config) error {
	if !c.S3() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, tryLimit)
	defer cancel()
	b := trial(c)
	defer b.close()
	files, err := b.openPlace(b.placeNow())
	if err != nil {
		return err
	}
	if err := b.bucket.Ping(ctx); err != nil {
		return err
	}
	return probe.Works(ctx, files)
}

// TryMail sends a mail to an address.
func TryMail(ctx context.Context, c *config.Config, to string) error {
	ctx, cancel := context.WithTimeout(ctx, tryLimit)
	defer cancel()
	s, err := sender(c)
	if err != nil {
		return err
	}
	return s.Send(ctx, mail.Message{To: to, Subject: "Mails of " + c.LocalDomain + " get through", Text: "This is what was to be found out.\n"})
}

// trial is what settings are tried with.
func trial(c *config.Config) *base {
	return &base{Config: c, Clock: clock.Real{}, Log: slog.New(slog.DiscardHandler), Metrics: metric.New(), command: true}
}
