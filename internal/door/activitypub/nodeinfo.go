package activitypub

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/gomph/gomph/internal/kit/httpio"
)

// nodeInfoAge is how long the numbers of NodeInfo are kept: crawlers ask often, and counting is not free.
const nodeInfoAge = 10 * time.Minute

// nodeInfoSchema with a version is what names the form of the document. Both versions say the same here; 2.1 also where the
// software comes from.
const nodeInfoSchema = "http://nodeinfo.diaspora.software/ns/schema/"

// repository is where the software's source is.
const repository = "https://github.com/gomph/gomph"

// About is what NodeInfo tells about this server.
type About struct {
	Name, Description string
	// Users are accounts here; ActiveMonth and ActiveHalfyear those who were here within 30 and 180 days; Posts were made here.
	Users, ActiveMonth, ActiveHalfyear, Posts int64
	OpenRegistrations                         bool
}

type nodeInfo struct {
	Version  string `json:"version"`
	Software struct {
		Name       string `json:"name"`
		Version    string `json:"version"`
		Repository string `json:"repository,omitempty"`
	} `json:"software"`
	Protocols []string `json:"protocols"`
	Services  struct {
		Outbound []string `json:"outbound"`
		Inbound  []string `json:"inbound"`
	} `json:"services"`
	Usage struct {
		Users struct {
			Total          int64 `json:"total"`
			ActiveMonth    int64 `json:"activeMonth"`
			ActiveHalfyear int64 `json:"activeHalfyear"`
		} `json:"users"`
		LocalPosts int64 `json:"localPosts"`
	} `json:"usage"`
	OpenRegistrations bool     `json:"openRegistrations"`
	Metadata          nodeMeta `json:"metadata"`
}

// nodeMeta is what else is told. Clients for many kinds of servers find in upstream whose API this is, as forks of Mastodon tell it.
type nodeMeta struct {
	Name        string `json:"nodeName"`
	Description string `json:"nodeDescription"`
	Upstream    struct {
		Name string `json:"name"`
	} `json:"upstream"`
}

func (s *Server) getNodeInfoLinks(w http.ResponseWriter, _ *http.Request) error {
	links := []jrdLink{}
	for _, version := range []string{"2.0", "2.1"} {
		links = append(links, jrdLink{Rel: nodeInfoSchema + version, Href: s.Site.URL("/nodeinfo/" + version)})
	}
	return wellKnown(w, "application/json; charset=utf-8", jrd{Links: links})
}

func (s *Server) nodeInfo(version string) httpio.Handler {
	return func(w http.ResponseWriter, req *http.Request) error { return s.getNodeInfo(w, req, version) }
}

func (s *Server) getNodeInfo(w http.ResponseWriter, req *http.Request, version string) error {
	about, err := s.about(req.Context())
	if err != nil {
		return err
	}
	doc := nodeInfo{Version: version, Protocols: []string{"activitypub"}, OpenRegistrations: about.OpenRegistrations, Metadata: nodeMeta{Name: about.Name, Description: about.Description}}
	doc.Metadata.Upstream.Name = "mastodon"
	doc.Software.Name, doc.Software.Version = "gomph", s.Version
	if version == "2.1" {
		doc.Software.Repository = repository
	}
	doc.Services.Outbound, doc.Services.Inbound = []string{}, []string{}
	doc.Usage.Users.Total, doc.Usage.Users.ActiveMonth, doc.Usage.Users.ActiveHalfyear = about.Users, about.ActiveMonth, about.ActiveHalfyear
	doc.Usage.LocalPosts = about.Posts
	w.Header().Set("Content-Type", `application/json; profile="`+nodeInfoSchema+version+`#"; charset=utf-8`)
	w.Header().Set("Cache-Control", "public, max-age=1800")
	w.Header().Set("Access-Control-Allow-Origin", "*")
	return httpio.JSON(w, http.StatusOK, doc)
}

// about gives the numbers, counted at most every nodeInfoAge.
func (s *Server) about(ctx context.Context) (About, error) {
	var out About
	if b, ok, err := s.Cache.Get(ctx, "ap:nodeinfo"); ok && err == nil && json.Unmarshal(b, &out) == nil {
		return out, nil
	}
	out, err := s.count(ctx)
	if err != nil {
		return out, err
	}
	if b, err := json.Marshal(out); err == nil {
		_ = s.Cache.Set(ctx, "ap:nodeinfo", b, nodeInfoAge) // it is counted again without it
	}
	return out, nil
}

func (s *Server) count(ctx context.Context) (About, error) {
	if s.About != nil {
		return s.About(ctx)
	}
	var out About
	var err error
	if out.Users, err = s.Accounts.LocalCount(ctx, s.DB); err != nil {
		return out, err
	}
	out.Posts, err = s.Statuses.LocalCount(ctx, s.DB)
	return out, err
}
