// SPDX-License-Identifier: MIT
//
// The page: a viewer, our document, and nobody else: what would ask other hosts
// is off here, and forbidden by the policy that nginx sends.

import { createApiReference } from "@scalar/api-reference";
import "@scalar/api-reference/style.css";
import "@fontsource-variable/inter";
import "@fontsource-variable/jetbrains-mono";
import "./style.css";

createApiReference("#page", {
    url: "/api/openapi.json",
    theme: "none",
    withDefaultFonts: false,
    documentDownloadType: "direct",
    defaultOpenFirstTag: false,
    defaultHttpClient: { targetKey: "shell", clientKey: "curl" },
    authentication: { preferredSecurityScheme: "bearer" },
    // A token is not kept: the browser's storage outlives the visit.
    persistAuth: false,
    telemetry: false,
    agent: { disabled: true },
    mcp: { disabled: true },
    hideClientButton: true,
    showDeveloperTools: "never",
});
