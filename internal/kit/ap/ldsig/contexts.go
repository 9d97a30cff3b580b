package ldsig

import (
	"embed"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/piprate/json-gold/ld"
)

// files are the contexts that are known, as their authors publish them. None is ever fetched (LDS-03).
//
//go:embed contexts/*.json
var files embed.FS

var known = map[string]string{
	"https://www.w3.org/ns/activitystreams":        "activitystreams",
	"https://w3id.org/security/v1":                 "security-v1",
	"https://w3id.org/security/data-integrity/v1":  "data-integrity-v1",
	"https://w3id.org/security/data-integrity/v2":  "data-integrity-v2",
	"https://w3id.org/security/multikey/v1":        "multikey-v1",
	identity:                                       "identity-v1",
	"https://www.w3.org/ns/did/v1":                 "did-v1",
	"https://purl.archive.org/socialweb/webfinger": "webfinger",
	"https://gotosocial.org/ns":                    "gotosocial",
	"https://w3id.org/fep/5711":                    "fep-5711",
}

// loader answers with the contexts that are known.
type loader struct{}

// LoadDocument gives a context, each time a copy of its own.
func (loader) LoadDocument(u string) (*ld.RemoteDocument, error) {
	name, ok := known[strings.TrimSuffix(u, "#")]
	if !ok {
		return nil, fmt.Errorf("%w: a context that is not known", ErrRefused)
	}
	text, err := files.ReadFile("contexts/" + name + ".json")
	if err != nil {
		return nil, err
	}
	var doc any
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	return &ld.RemoteDocument{DocumentURL: u, Document: doc}, nil
}

func options() *ld.JsonLdOptions {
	o := ld.NewJsonLdOptions("")
	o.DocumentLoader = loader{}
	o.Algorithm = ld.AlgorithmURDNA2015
	o.UseNativeTypes = true
	return o
}
