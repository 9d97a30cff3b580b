package app

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"

	"github.com/gomph/gomph/internal/kit/blob/nginx"
	"github.com/gomph/gomph/internal/kit/blob/probe"
	"github.com/gomph/gomph/internal/kit/blob/s3"
	"github.com/gomph/gomph/internal/kit/checkup"
	"github.com/gomph/gomph/internal/kit/config"
)

// ProbeFiles asks who may do what with the files. Other is a bucket that the application must not read; "" for only those that it is shown.
func (a *App) ProbeFiles(ctx context.Context, other string) ([]probe.Result, error) {
	return a.probe(ctx, a.files, a.Media.Addresses.Root(), other)
}

// probeFiles looks once a day whether strangers can do with the files what they must not, and cries out when they can (requirement F5).
// A server that gives out files of its own folder at its own address has nobody in between who could make that mistake.
func (a *App) probeFiles(ctx context.Context, _ ProbeFilesDue) error {
	if err := a.seeOrigins(ctx); err != nil {
		return err
	}
	if !a.Config.S3() && a.Config.MediaHost == "" {
		a.listable.Set(0)
		return nil
	}
	results, err := a.ProbeFiles(ctx, "")
	if err != nil {
		return err
	}
	listable := 0.0
	for _, r := range results {
		switch {
		case r.Level == checkup.Failure:
			a.Log.Error("strangers may do with files what they must not, or the server may not do what it must", "requirement", r.ID, "check", r.Check, "what", r.Says)
			if r.ID == "F5" {
				listable = 1
			}
		case r.Level == checkup.Warning:
			a.Log.Warn("who may do what with files", "requirement", r.ID, "check", r.Check, "what", r.Says)
		}
	}
	a.listable.Set(listable)
	return nil
}

// Nginx writes a configuration of nginx in front of the bucket that the settings name. Host is the host of the files, "" for the one in the
// settings; root is the folder with local files, "" for none.
func Nginx(c *config.Config, host, root string) (string, error) {
	if !c.S3() {
		return "", errors.New("there is no bucket to stand in front of: S3_ENABLED is not true")
	}
	o, err := s3Options(&c.Files, c.CAFile)
	if err != nil {
		return "", err
	}
	bucket, err := s3.Open(o)
	if err != nil {
		return "", err
	}
	defer func() { _ = bucket.Close() }()
	at, err := bucket.Address(context.Background()) // which sends nothing
	if err != nil {
		return "", err
	}
	if root != "" {
		if root, err = filepath.Abs(root); err != nil {
			return "", err
		}
	}
	return nginx.Config(nginx.Options{Host: cmp.Or(host, c.S3Alias, c.MediaHost), Origin: at + bucket.Prefix(), Root: root, CAFile: c.CAFile})
}
