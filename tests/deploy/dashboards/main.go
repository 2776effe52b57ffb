// Reads dashboards strictly, by Grafana's own definitions of them: a field that there is not, a field that is missing
// and a value of another type are faults, in the dashboard and in the options of its panels.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

func check(path string) error {
	page, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	strict, board := dashboard.Dashboard{}, dashboard.Dashboard{}
	// Without a fault it returns an empty list of errors, which is not nil, and leaves out the panels.
	if err := strict.UnmarshalJSONStrict(page); err != nil && err.Error() != "" {
		return err
	}
	if err := json.Unmarshal(page, &board); err != nil {
		return err
	}
	for _, one := range board.Panels {
		if one.Panel == nil {
			return fmt.Errorf("a row is not checked")
		}
		// The options of a kind of panel that is not known are not looked at.
		if _, known := cog.ConfigForPanelcfgVariant(one.Panel.Type); !known {
			return fmt.Errorf("panels of the type %q are not known here: add them to main.go", one.Panel.Type)
		}
	}
	return board.Validate()
}

func main() {
	runtime := cog.NewRuntime()
	runtime.RegisterPanelcfgVariant(stat.VariantConfig())
	runtime.RegisterPanelcfgVariant(table.VariantConfig())
	runtime.RegisterPanelcfgVariant(timeseries.VariantConfig())
	failed := false
	for _, path := range os.Args[1:] {
		if err := check(path); err != nil {
			fmt.Printf("%s: %v\n", path, err)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}
