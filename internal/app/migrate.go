package app

import (
	"context"
	"os"

	"github.com/gomph/gomph/internal/kit/config"
	"github.com/gomph/gomph/internal/schema"
)

// Migrate brings the database's schema up to date and names the steps it took.
func Migrate(ctx context.Context, c *config.Config) ([]string, error) {
	if err := os.MkdirAll(c.Data, 0o750); err != nil {
		return nil, err
	}
	url := c.DirectURL
	if url == "" {
		url = c.DatabaseURL
	}
	d, err := openDatabase(ctx, c, url, nil)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	steps, err := schema.Migrations(d.Engine())
	if err != nil {
		return nil, err
	}
	done, err := d.Migrate(ctx, steps)
	var names []string
	for _, s := range done {
		names = append(names, s.Name)
	}
	return names, err
}
