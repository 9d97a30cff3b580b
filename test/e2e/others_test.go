package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestClients lets apps that others wrote use the server: each signs in by OAuth, posts, reads and listens.
func TestClients(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, s *Server) {
		for _, script := range []string{"toot_client.py", "mastodonpy_client.py", "masto_client.js", "megalodon_client.js"} {
			s.Step(t, script, func(_ *testing.T) {
				name, _, _ := strings.Cut(script, "_")
				s.Client(script, s.CreateAccount(name+"_ann"), s.CreateAccount(name+"_bob"))
			})
		}
	})
}

// TestBrowser goes through the pages in Chromium. Set GOMPH_PICTURES to a folder to keep the screenshots.
func TestBrowser(t *testing.T) {
	t.Parallel()
	const chromium = "/usr/bin/chromium"
	need(t, chromium, "Chromium is not installed; scripts/install-deps installs it")
	need(t, filepath.Join("..", "..", "web", "dist", "favicon.svg"), "the client is not built into the binary; make web builds it")
	s := Start(t, One)
	pictures := os.Getenv("GOMPH_PICTURES")
	if pictures == "" {
		pictures = t.TempDir()
	}
	ann := s.CreateAccount("ann")
	runScript(t, filepath.Join("..", "browser"), "pages.js", "GOMPH_URL="+s.URL, "GOMPH_EMAIL="+ann.Email, "GOMPH_PASSWORD="+ann.Password, "GOMPH_PICTURES="+pictures, "CHROMIUM="+chromium)
}
