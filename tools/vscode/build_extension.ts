/** The VS Code extension as a `.vsix`: a zip with the folder of the extension and two lists. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Zippable, zipSync } from "fflate";
import { VERSION } from "../../cli/package_version.ts";
import { PROJECT, runProjectDeno } from "../package/bundle.ts";
import { manifest } from "./manifest.ts";

const FOLDER = new URL("../../editors/vscode/", import.meta.url);

/** Files of the folder that are taken as they are. */
const AS_THEY_ARE = [
  "README.md",
  "language-configuration.json",
  "snippets.json",
  "syntaxes/dma.tmLanguage.json",
];

const TYPES = `<?xml version="1.0" encoding="utf-8"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
<Default Extension=".json" ContentType="application/json"/>
<Default Extension=".js" ContentType="application/javascript"/>
<Default Extension=".md" ContentType="text/markdown"/>
<Default Extension=".txt" ContentType="text/plain"/>
<Default Extension=".vsixmanifest" ContentType="text/xml"/>
</Types>
`;

const { description, displayName, engines, name: id, publisher } = manifest();

const LIST = `<?xml version="1.0" encoding="utf-8"?>
<PackageManifest Version="2.0.0" xmlns="http://schemas.microsoft.com/developer/vsx-schema/2011">
<Metadata>
<Identity Language="en-US" Id="${id}" Version="${VERSION}" Publisher="${publisher}"/>
<DisplayName>${displayName}</DisplayName>
<Description xml:space="preserve">${description}</Description>
<Properties>
<Property Id="Microsoft.VisualStudio.Code.Engine" Value="${engines.vscode}"/>
</Properties>
</Metadata>
<Installation><InstallationTarget Id="Microsoft.VisualStudio.Code"/></Installation>
<Dependencies/>
<Assets>
<Asset Type="Microsoft.VisualStudio.Code.Manifest" Path="extension/package.json" Addressable="true"/>
<Asset Type="Microsoft.VisualStudio.Services.Content.Details" Path="extension/README.md" Addressable="true"/>
</Assets>
</PackageManifest>
`;

/** Writes the extension into a file. @returns What went wrong; null when nothing did. */
export function buildExtension(path: string): string | null {
  const folder = Deno.makeTempDirSync();
  try {
    const bundle = join(folder, "extension.js");
    const entry = fileURLToPath(new URL("extension.ts", FOLDER));
    const options = ["--format", "cjs", "--external", "vscode", "--minify", "--output", bundle];
    const problem = runProjectDeno("bundle", [...options, entry]);
    if (problem !== null) return `The extension cannot be built: ${problem}`;
    const text = (content: string) => new TextEncoder().encode(content);
    const files: Zippable = {
      "[Content_Types].xml": text(TYPES),
      "extension.vsixmanifest": text(LIST),
      "extension/package.json": text(`${JSON.stringify(manifest(), null, 2)}\n`),
      "extension/extension.js": Deno.readFileSync(bundle),
      "extension/LICENSE.txt": Deno.readFileSync(join(PROJECT, "LICENSE")),
    };
    for (const name of AS_THEY_ARE) {
      files[`extension/${name}`] = Deno.readFileSync(new URL(name, FOLDER));
    }
    Deno.writeFileSync(path, zipSync(files));
    return null;
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}
